#include "ops/op.h"

#include "base/text.h"
#include "ops/op_description.h"

namespace pyserver {

std::string to_string(const RowSpec& spec) { return concat(name_of(spec.datatype), " ", to_string(spec.shape)); }

Status Op::append_texts(const TensorView&, std::vector<std::byte>&, RowContext&) const {
  return internal_error(concat("the op ", name(), " gives no texts"));
}

std::optional<OpDescription> Op::describe(const RowSpec&) const { return std::nullopt; }

}  // namespace pyserver
