// What is alive and should not be.
#pragma once

#include <string>
#include <vector>

namespace fake_cuda {

// The names of what lives on `device`; -1: of all devices, their contexts included. Under the world's mutex.
std::vector<std::string> living_objects(int device);

}  // namespace fake_cuda
