#include "http2/header_list.h"

namespace pyserver {

namespace {
constexpr std::size_t kFieldOverhead = 32;  // RFC 9113, 6.5.2
}

void HeaderList::add(std::string_view name, std::string_view value) {
  fields_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name);
  text_.append(value);
}

void HeaderList::clear() noexcept {
  text_.clear();
  fields_.clear();
}

HeaderField HeaderList::operator[](std::size_t index) const noexcept {
  const Place& place = fields_[index];
  const char* name = text_.data() + place.name_at;
  return {{name, place.name_size}, {name + place.name_size, place.value_size}};
}

std::string_view HeaderList::find(std::string_view name) const noexcept {
  for (std::size_t index = 0; index < fields_.size(); ++index) {
    const HeaderField field = (*this)[index];
    if (field.name == name) return field.value;
  }
  return {};
}

std::size_t HeaderList::counted_size() const noexcept { return text_.size() + kFieldOverhead * fields_.size(); }

}  // namespace pyserver
