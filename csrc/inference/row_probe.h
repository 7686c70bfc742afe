// Whether the rows of a batch influence one another, found out by executing a few: shapes cannot tell that a model
// subtracts the mean of its batch, say.
#pragma once

#include <optional>

#include "inference/engine.h"

namespace pyserver {

// Executes two random rows together and each alone, and compares the answers. True only where they differ by more than
// arithmetic in another order explains. `signature` is of a model that batches; `instance` is one of it. Free
// dimensions are tried with a few sizes; where the model takes none of them, nothing is known, and nothing is returned.
std::optional<bool> mixes_rows(const ModelSignature& signature, EngineInstance& instance);

}  // namespace pyserver
