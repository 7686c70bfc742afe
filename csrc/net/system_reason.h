// What a failed system call says, for people.
#pragma once

#include <string>

namespace pyserver {

// "address already in use" for EADDRINUSE: the system's own words, as the end of a sentence.
std::string system_reason(int error);

}  // namespace pyserver
