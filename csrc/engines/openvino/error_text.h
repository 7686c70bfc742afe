// What OpenVINO's exceptions say, in one line.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace pyserver {

// OpenVINO's messages are stacks of "Exception from file:line" and "Check '…' failed at file:line" with a sentence at
// the end. Keeps the sentences, on one line, at most 400 bytes and always well-formed enough to log.
std::string condensed(std::string_view what);

inline std::string condensed(const std::exception& exception) { return condensed(std::string_view(exception.what())); }

}  // namespace pyserver
