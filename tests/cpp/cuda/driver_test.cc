// What is said where there is no driver, an old one, no GPU; and what is known of a GPU.
#include "cuda/driver.h"

#include "cuda_fixtures.h"

namespace pyserver::cuda {
namespace {

class DriverTest : public CudaTest {
 protected:
  void TearDown() override {
    unsetenv("FAKE_CUDA_VERSION");
    CudaTest::TearDown();
  }
};

TEST_F(DriverTest, AMissingLibraryIsNamedAndWhatToDo) {
  const auto driver = Driver::open("libcuda-that-is-not-there.so.1");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(driver.status().message(),
            "no NVIDIA driver: libcuda-that-is-not-there.so.1 cannot be loaded (libcuda-that-is-not-there.so.1: cannot "
            "open shared object file: No such file or directory). Install the NVIDIA driver; in a container, run it "
            "with the NVIDIA runtime");
}

TEST_F(DriverTest, ALibraryWithoutOurFunctionsIsTooOld) {
  const auto driver = Driver::open("libm.so.6");
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(driver.status().message(),
            "the NVIDIA driver is too old: libm.so.6 has no function cuGetErrorName. Install a driver that supports "
            "CUDA 12.0 or newer");
}

TEST_F(DriverTest, AnOldDriverIsToldByItsVersion) {
  setenv("FAKE_CUDA_VERSION", "11080", 1);
  const auto driver = Driver::open();
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(driver.status().message(),
            "the NVIDIA driver is too old: it supports CUDA 11.8, but 12.0 is needed. Install a newer driver");
}

TEST_F(DriverTest, WithoutAGpuItSaysSo) {
  setenv("FAKE_CUDA_DEVICES", "0", 1);
  const auto driver = Driver::open();
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(driver.status().message(),
            "the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE): see nvidia-smi and CUDA_VISIBLE_DEVICES");
}

TEST_F(DriverTest, ADriverThatCannotStartIsUnavailable) {
  fakeFailCall("cuInit", 0, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
  const auto driver = Driver::open();
  ASSERT_FALSE(driver.ok());
  EXPECT_EQ(driver.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(driver.status().message().find("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"), std::string::npos);
}

TEST_F(DriverTest, KnowsItsDevices) {
  EXPECT_EQ(driver_->version(), 13000);
  ASSERT_EQ(driver_->device_count(), 2);
  const Result<DeviceInfo> info = driver_->device_info(1);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->ordinal, 1);
  EXPECT_EQ(info->name, "Fake GPU 1");
  EXPECT_EQ(info->uuid, "GPU-fafafafa-fafa-fafa-fafa-fafafafafa01");
  EXPECT_EQ(info->pci_bus_id, "0000:02:00.0");
  EXPECT_EQ(info->memory_bytes, kMemoryMib << 20);
  EXPECT_EQ(info->compute_major, 9);
  EXPECT_EQ(info->compute_minor, 0);
  EXPECT_EQ(info->numa_node, 0);
  EXPECT_EQ(info->async_copy_engines, 2);
  EXPECT_FALSE(info->integrated);
}

TEST_F(DriverTest, ADeviceThatIsNotThereIsRefused) {
  for (const int ordinal : {-1, 2}) {
    const auto device = Device::open(driver_, ordinal);
    ASSERT_FALSE(device.ok());
    EXPECT_EQ(device.status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(device.status().message(),
              "there is no GPU " + std::to_string(ordinal) + ": the driver has 2, numbered from 0");
  }
}

TEST_F(DriverTest, AnOlderDriverDoesNotKnowTheNumaNode) {
  fakeFailCall("cuDeviceGetAttribute", 4, CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(driver_->device_info(0)->numa_node, -1);
}

TEST_F(DriverTest, NamesErrors) {
  EXPECT_TRUE(driver_->check(CUDA_SUCCESS, "copying").ok());
  const Status wrong = driver_->check(CUDA_ERROR_INVALID_VALUE, "copying");
  EXPECT_EQ(wrong.code(), StatusCode::kInternal);
  EXPECT_EQ(wrong.message(), "copying: CUDA_ERROR_INVALID_VALUE (1): invalid argument");
  EXPECT_EQ(driver_->check(CUDA_ERROR_OUT_OF_MEMORY, "allocating").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(driver_->check(static_cast<CUresult>(12345), "copying").message(),
            "copying: an unknown error (12345): no description");
}

TEST_F(DriverTest, KeepsWhatDestructorsCouldNotGiveBack) {
  fakeFailCall("cuStreamDestroy_v2", 0, CUDA_ERROR_UNKNOWN);
  {
    const Stream stream = this->stream();
  }
  release_failures_ = 1;
  EXPECT_EQ(driver_->release_failures().count, 1U);
  EXPECT_EQ(driver_->release_failures().latest, "releasing a stream: CUDA_ERROR_UNKNOWN (999): unknown error");
}

TEST_F(DriverTest, WhatTheDriverForgotAtTheEndOfTheProcessIsNoFailure) {
  fakeFailCall("cuStreamDestroy_v2", 0, CUDA_ERROR_DEINITIALIZED);
  {
    const Stream stream = this->stream();
  }
  EXPECT_EQ(driver_->release_failures().count, 0U);
}

TEST_F(DriverTest, ADeviceIsReleasedWithItsLastReference) {
  const std::size_t releases = fakeCalls("cuDevicePrimaryCtxRelease_v2");
  auto second = std::move(*Device::open(driver_, 0));
  EXPECT_EQ(second->context(), device_->context()) << "the primary context is one";
  device_.reset();
  EXPECT_EQ(fakeCalls("cuDevicePrimaryCtxRelease_v2"), releases + 1);
  EXPECT_TRUE(second->memory().ok());
  second.reset();
  EXPECT_EQ(fakeCalls("cuDevicePrimaryCtxRelease_v2"), releases + 2);
}

}  // namespace
}  // namespace pyserver::cuda
