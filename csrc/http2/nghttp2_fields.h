// Header fields as nghttp2 has them, for both sessions.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string_view>

#include "http2/header_list.h"

namespace pyserver {

// For fields that outlive their frame.
inline constexpr std::uint8_t kFieldNotCopied = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

inline std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec text = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(text.base), text.len};
}

inline nghttp2_nv as_nv(const HeaderField& field, std::uint8_t flags) {
  // nghttp2 takes names and values as not const, but does not write to them.
  const auto writable = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {writable(field.name), writable(field.value), field.name.size(), field.value.size(), flags};
}

}  // namespace pyserver
