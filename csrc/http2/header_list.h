// HeaderList: the fields of one header block, in the order in which they came.
//
// Owns its text in one allocation that is reused. Thread-compatible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pyserver {

struct HeaderField {
  std::string_view name;
  std::string_view value;
};

class HeaderList {
 public:
  // Names are lower case, as HTTP/2 has them.
  void add(std::string_view name, std::string_view value);
  void clear() noexcept;

  std::size_t size() const noexcept { return fields_.size(); }
  bool empty() const noexcept { return fields_.empty(); }
  // Valid until the next add() or clear().
  HeaderField operator[](std::size_t index) const noexcept;
  // The first field of that name, or nullptr's view (data() == nullptr) where there is none.
  std::string_view find(std::string_view name) const noexcept;
  // As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113, 6.5.2): names, values and 32 octets a field.
  std::size_t counted_size() const noexcept;

 private:
  struct Place {
    std::uint32_t name_at, name_size, value_size;  // the value follows its name
  };
  std::string text_;
  std::vector<Place> fields_;
};

}  // namespace pyserver
