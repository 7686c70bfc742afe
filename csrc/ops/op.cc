#include "ops/op.h"

#include "base/text.h"

namespace pyserver {

std::string to_string(const RowSpec& spec) { return concat(name_of(spec.datatype), " ", to_string(spec.shape)); }

Status Op::append_texts(const TensorView&, std::vector<std::byte>&, RowContext&) const {
  return internal_error(concat("the op ", name(), " gives no texts"));
}

}  // namespace pyserver
