// What the core uses of the driver API: one list, from which the table, its look-up and its names come.
//
// Each function is looked up by the versioned name whose signature cuda.h declares, and which every driver since CUDA
// 12.0 exports; a header newer than the driver changes nothing.
#pragma once

#include <cuda.h>

// X(name in the table, exported symbol)
#define PYSERVER_CUDA_FUNCTIONS(X)                            \
  X(GetErrorName, "cuGetErrorName")                           \
  X(GetErrorString, "cuGetErrorString")                       \
  X(Init, "cuInit")                                           \
  X(DriverGetVersion, "cuDriverGetVersion")                   \
  X(DeviceGetCount, "cuDeviceGetCount")                       \
  X(DeviceGet, "cuDeviceGet")                                 \
  X(DeviceGetName, "cuDeviceGetName")                         \
  X(DeviceGetUuid, "cuDeviceGetUuid_v2")                      \
  X(DeviceTotalMem, "cuDeviceTotalMem_v2")                    \
  X(DeviceGetAttribute, "cuDeviceGetAttribute")               \
  X(DeviceGetPCIBusId, "cuDeviceGetPCIBusId")                 \
  X(DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain")       \
  X(DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2")  \
  X(CtxGetCurrent, "cuCtxGetCurrent")                         \
  X(CtxPushCurrent, "cuCtxPushCurrent_v2")                    \
  X(CtxPopCurrent, "cuCtxPopCurrent_v2")                      \
  X(MemGetInfo, "cuMemGetInfo_v2")                            \
  X(MemAlloc, "cuMemAlloc_v2")                                \
  X(MemFree, "cuMemFree_v2")                                  \
  X(MemGetAddressRange, "cuMemGetAddressRange_v2")            \
  X(MemHostAlloc, "cuMemHostAlloc")                           \
  X(MemFreeHost, "cuMemFreeHost")                             \
  X(MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2")                  \
  X(MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2")                  \
  X(MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2")                  \
  X(MemsetD8Async, "cuMemsetD8Async")                         \
  X(StreamCreateWithPriority, "cuStreamCreateWithPriority")   \
  X(StreamDestroy, "cuStreamDestroy_v2")                      \
  X(StreamQuery, "cuStreamQuery")                             \
  X(StreamSynchronize, "cuStreamSynchronize")                 \
  X(StreamWaitEvent, "cuStreamWaitEvent")                     \
  X(StreamIsCapturing, "cuStreamIsCapturing")                 \
  X(StreamBeginCapture, "cuStreamBeginCapture_v2")            \
  X(StreamEndCapture, "cuStreamEndCapture")                   \
  X(LaunchHostFunc, "cuLaunchHostFunc")                       \
  X(EventCreate, "cuEventCreate")                             \
  X(EventDestroy, "cuEventDestroy_v2")                        \
  X(EventRecord, "cuEventRecord")                             \
  X(EventQuery, "cuEventQuery")                               \
  X(EventSynchronize, "cuEventSynchronize")                   \
  X(EventElapsedTime, "cuEventElapsedTime")                   \
  X(GraphCreate, "cuGraphCreate")                             \
  X(GraphDestroy, "cuGraphDestroy")                           \
  X(GraphClone, "cuGraphClone")                               \
  X(GraphGetNodes, "cuGraphGetNodes")                         \
  X(GraphAddChildGraphNode, "cuGraphAddChildGraphNode")       \
  X(GraphInstantiateWithFlags, "cuGraphInstantiateWithFlags") \
  X(GraphUpload, "cuGraphUpload")                             \
  X(GraphLaunch, "cuGraphLaunch")                             \
  X(GraphExecDestroy, "cuGraphExecDestroy")                   \
  X(ModuleLoadData, "cuModuleLoadData")                       \
  X(ModuleUnload, "cuModuleUnload")                           \
  X(ModuleGetFunction, "cuModuleGetFunction")                 \
  X(FuncSetAttribute, "cuFuncSetAttribute")                   \
  X(LaunchKernel, "cuLaunchKernel")                           \
  X(IpcGetMemHandle, "cuIpcGetMemHandle")                     \
  X(IpcOpenMemHandle, "cuIpcOpenMemHandle_v2")                \
  X(IpcCloseMemHandle, "cuIpcCloseMemHandle")

namespace pyserver::cuda {

struct DriverFunctions {
#define PYSERVER_CUDA_MEMBER(name, symbol) decltype(&::cu##name) name = nullptr;
  PYSERVER_CUDA_FUNCTIONS(PYSERVER_CUDA_MEMBER)
#undef PYSERVER_CUDA_MEMBER
};

}  // namespace pyserver::cuda
