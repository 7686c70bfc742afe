#include "world.h"

namespace fake_cuda {

World& world() {
  static World* const only = new World;
  return *only;
}

}  // namespace fake_cuda
