// The casts that are made most often, with the vectors of the machine that runs them (Google Highway chooses).
#pragma once

#include <cstddef>

#include "tensor/datatype.h"

namespace pyserver {

// Converts as many of `count` elements as fill its vectors, by the rules of converted() in element.h, and returns how
// many those are; the rest is the caller's. 0 where there is no kernel for the two datatypes.
std::size_t convert_vectors(const std::byte* from, Datatype from_datatype, std::byte* to, Datatype to_datatype,
                            std::size_t count) noexcept;

}  // namespace pyserver
