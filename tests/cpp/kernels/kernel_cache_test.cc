// Compiled kernels in files: what is found again, and what is compiled anew.
#include "kernels/kernel_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "kernels/kernel_compiler.h"

namespace pyserver::kernels {
namespace {

namespace fs = std::filesystem;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

class KernelCacheTest : public ::testing::Test {
 protected:
  KernelCacheTest() {
    std::string name = (fs::temp_directory_path() / "kernel_cache.XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~KernelCacheTest() override { fs::remove_all(folder_); }

  std::string read(const std::string& path) const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(KernelCacheTest, WhatWasKeptIsFoundByItsKeyOnly) {
  const KernelCache cache((folder_ / "made" / "when needed").string());
  EXPECT_EQ(cache.find("key"), std::nullopt);
  EXPECT_EQ(cache.keep("key", bytes_of("cubin")), Status());
  EXPECT_EQ(cache.find("key"), bytes_of("cubin"));
  EXPECT_EQ(cache.find("another key"), std::nullopt);
  EXPECT_EQ(cache.keep("key", bytes_of("newer")), Status());
  EXPECT_EQ(cache.find("key"), bytes_of("newer"));
}

TEST_F(KernelCacheTest, OneFileIsLeftAndNothingBesideIt) {
  const KernelCache cache(folder_.string());
  EXPECT_EQ(cache.keep("key", bytes_of("cubin")), Status());
  EXPECT_EQ(cache.keep("key", bytes_of("cubin")), Status());
  EXPECT_EQ(files(), 1U);
}

TEST_F(KernelCacheTest, AFileThatIsNotWholeOrOfAnotherKeyIsNone) {
  const KernelCache cache(folder_.string());
  EXPECT_EQ(cache.keep("key", bytes_of("cubin")), Status());
  const std::string path = cache.path_of("key");
  const std::string whole = read(path);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write(path, whole.substr(0, length));
    EXPECT_EQ(cache.find("key"), std::nullopt) << length;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    write(path, changed);
    EXPECT_EQ(cache.find("key"), std::nullopt) << at;
  }
  write(path, whole + "more");
  EXPECT_EQ(cache.find("key"), std::nullopt);
  EXPECT_EQ(cache.keep("other", bytes_of("cubin")), Status());
  write(path, read(cache.path_of("other")));
  EXPECT_EQ(cache.find("key"), std::nullopt);
}

TEST_F(KernelCacheTest, WithoutAFolderNothingIsKept) {
  const KernelCache cache("");
  EXPECT_EQ(cache.keep("key", bytes_of("cubin")), Status());
  EXPECT_EQ(cache.find("key"), std::nullopt);
}

TEST_F(KernelCacheTest, AFolderThatCannotBeMadeIsTold) {
  write((folder_ / "file").string(), "");
  const KernelCache cache((folder_ / "file").string());
  const Status status = cache.keep("key", bytes_of("cubin"));
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("cannot be kept: "), std::string::npos) << status.message();
}

TEST_F(KernelCacheTest, ASecondCompilerFindsWhatTheFirstCompiledUnlessTheFileIsBroken) {
  const PlannedKernel kernel{
      "empty", "extern \"C\" __global__ void device_op(const int*, int*, long long) {}", 1, 1, {}, {}};
  for (int start = 0; start < 3; ++start) {
    const auto compiler = KernelCompiler::create(folder_.string(), FAKE_NVRTC);
    ASSERT_TRUE(compiler.ok()) << compiler.status().message();
    ASSERT_TRUE((*compiler)->compile(kernel, 9, 0).ok());
    EXPECT_EQ((*compiler)->stats().found, start == 1 ? 1U : 0U);
    EXPECT_EQ((*compiler)->stats().compiled, start == 1 ? 0U : 1U);
    if (start == 1) write(fs::directory_iterator(folder_)->path().string(), "foreign");
    // Another GPU has cubins of its own.
    if (start == 2) {
      ASSERT_TRUE((*compiler)->compile(kernel, 8, 0).ok());
      EXPECT_EQ((*compiler)->stats().compiled, 2U);
    }
  }
}

}  // namespace
}  // namespace pyserver::kernels
