// Memory of another process, which tests/cpp/cuda_parts/ipc_peer.cc is.
#include "cuda/ipc.h"

#include <cstdio>

#include "cuda_fixtures.h"
#include "peer_process.h"

namespace pyserver::cuda {
namespace {

using IpcHandle = std::array<std::byte, kIpcHandleBytes>;

class IpcTest : public CudaTest {
 protected:
  static IpcHandle handle_from(const std::string& digits) {
    IpcHandle handle{};
    for (std::size_t i = 0; i < handle.size(); ++i) {
      handle[i] = static_cast<std::byte>(std::stoi(digits.substr(2 * i, 2), nullptr, 16));
    }
    return handle;
  }
};

TEST_F(IpcTest, MemoryOfAnotherProcessIsReadAndWritten) {
  PeerProcess peer(IPC_PEER);
  const IpcHandle handle = handle_from(peer.read_line());
  {
    Result<ImportedMemory> memory = ImportedMemory::open(device_, handle, 4096);
    ASSERT_TRUE(memory.ok()) << memory.status().message();
    const Result<ImportedMemory> again = ImportedMemory::open(device_, handle, 100);
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_EQ(memory->size(), 4096U);
    Stream stream = this->stream();
    PinnedBytes host(*device_, 4096);
    ASSERT_TRUE(copy_from_device(stream, host.bytes(), memory->address()).ok());
    ASSERT_TRUE(fill(stream, memory->address(), std::byte{9}, 1).ok());
    ASSERT_TRUE(stream.synchronize().ok());
    EXPECT_EQ(host.data()[0], std::byte{7});
    EXPECT_EQ(host.data()[4095], std::byte{7});
    const ImportedMemory moved = std::move(*memory);
    EXPECT_EQ(moved.size(), 4096U);
  }
  peer.write_line("go on");
  EXPECT_EQ(peer.wait(), 0);
}

TEST_F(IpcTest, MemoryThatIsSmallerThanSaidIsRefusedAndClosed) {
  PeerProcess peer(IPC_PEER);
  const IpcHandle handle = handle_from(peer.read_line());
  const Result<ImportedMemory> memory = ImportedMemory::open(device_, handle, 4097);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(memory.status().message(), "the client's memory has 4096 bytes on GPU 0, not the 4097 that it registers");
  peer.write_line("go on");
  EXPECT_EQ(peer.wait(), 1) << "nobody wrote into it";
}

TEST_F(IpcTest, AHandleOfAnotherDeviceIsRefused) {
  PeerProcess peer(IPC_PEER);
  const IpcHandle handle = handle_from(peer.read_line());
  const auto other = std::move(*Device::open(driver_, 1));
  EXPECT_EQ(ImportedMemory::open(other, handle, 4096).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(IpcTest, AHandleThatIsMadeUpIsRefused) {
  const Result<ImportedMemory> memory = ImportedMemory::open(device_, IpcHandle{}, 16);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(memory.status().message(),
            "opening a client's memory on GPU 0: CUDA_ERROR_INVALID_VALUE (1): invalid argument. The handle must be "
            "that of living memory of this GPU, and come from another process");
}

TEST_F(IpcTest, MemoryOfThisProcessIsRefused) {
  const DeviceBuffer own = buffer(64);
  const auto handle = export_memory(*device_, own.address());
  ASSERT_TRUE(handle.ok());
  EXPECT_EQ(ImportedMemory::open(device_, *handle, 64).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(IpcTest, OnlyTheBeginningOfMemoryCanBeShared) {
  const DeviceBuffer own = buffer(64);
  EXPECT_EQ(export_memory(*device_, own.address() + 1).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pyserver::cuda
