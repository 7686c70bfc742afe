#include "ops/element.h"

#include "ops/cast_kernels.h"

namespace pyserver {
namespace {

// A function of its own: what a lambda has captured could be what a byte is stored to, so its loop is none of vectors.
template <typename To, typename From>
void convert_all(const std::byte* from, std::byte* to, std::size_t count) noexcept {
  for (std::size_t index = 0; index < count; ++index) store<To>(to, index, converted<To>(load<From>(from, index)));
}

}  // namespace

void convert_elements(const std::byte* from, Datatype from_datatype, std::byte* to, Datatype to_datatype,
                      std::size_t count) noexcept {
  if (from_datatype == to_datatype) {
    if (from != to && count != 0) std::memcpy(to, from, count * size_of(to_datatype));
    return;
  }
  const std::size_t done = convert_vectors(from, from_datatype, to, to_datatype, count);
  if (done == count) return;
  from += done * size_of(from_datatype);
  to += done * size_of(to_datatype);
  count -= done;
  with_element(from_datatype, [=]<typename From>(std::type_identity<From>) {
    with_element(to_datatype, [=]<typename To>(std::type_identity<To>) { convert_all<To, From>(from, to, count); });
  });
}

}  // namespace pyserver
