// Questions about the server's state that the core answers itself: ServerLive, ServerReady, ModelReady of the Open
// Inference Protocol. They are asked often, by probes that must not wait for Python.
#pragma once

namespace pyserver {

enum class StateQuestion { kServerLive, kServerReady, kModelReady };

}  // namespace pyserver
