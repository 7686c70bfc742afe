// The compiler of kernels: NVIDIA's own, where its wheel is installed, and the double of the tests.
#include "kernels/nvrtc.h"

#include <gtest/gtest.h>

#include "kernels/host_kernels.h"
#include "kernels/kernel_compiler.h"
#include "kernels/kernel_plan.h"

namespace pyserver::kernels {
namespace {

using testing::NamedOp;
using namespace std::string_literals;

struct Chain {
  std::vector<NamedOp> ops;
  RowSpec input;
};

// At least one for every file of source/, every rule of weigh_rules.cuh, and every datatype.
std::vector<Chain> chains() {
  const RowSpec picture{Datatype::kUint8, {48, 40, 3}};
  const auto resize = [](const char* like, const char* filter, double side) {
    return NamedOp{"resize",
                   {{"size", std::vector{side, side}}, {"like", std::string(like)}, {"filter", std::string(filter)}}};
  };
  std::vector<Chain> all = {
      {{{"normalize"}, {"layout"}}, picture},
      {{{"normalize", {{"mean", std::vector{1.0, 2.0, 3.0}}}}, {"layout"}, {"cast", {{"to", "FP16"s}}}}, picture},
      {{{"layout"}, {"layout", {{"to", "HWC"s}}}, {"cast", {{"to", "BF16"s}}}}, picture},
      {{{"softmax"}, {"top_k"}}, {Datatype::kFp32, {1000}}},
      {{{"softmax", {{"axis", std::int64_t{0}}}}, {"argmax"}}, {Datatype::kFp16, {20, 300}}},
      {{{"softmax"}, {"sigmoid"}, {"l2_normalize"}}, {Datatype::kFp64, {64}}},
      {{{"l2_normalize"}, {"threshold", {{"at", 0.1}}}}, {Datatype::kBf16, {384}}},
      {{{"dequantize", {{"scale", std::vector{0.1, 0.2, 0.3}}}}}, {Datatype::kInt32, {7, 3}}},
      {{resize("pillow", "bilinear", 24)}, picture},
      {{resize("pillow", "nearest", 24)}, picture},
      {{resize("opencv", "bilinear", 25)}, picture},
      {{resize("opencv", "bicubic", 25)}, picture},
      {{resize("opencv", "bilinear", 20), {"cast"}, resize("pillow", "bicubic", 10)}, {Datatype::kUint8, {40, 40, 3}}},
      {{resize("opencv", "area", 8)}, picture},
      {{resize("opencv", "area", 16)}, {Datatype::kUint8, {48, 48, 3}}},
  };
  for (const Datatype datatype : {Datatype::kBool, Datatype::kUint16, Datatype::kUint32, Datatype::kUint64,
                                  Datatype::kInt8, Datatype::kInt16, Datatype::kInt64}) {
    all.push_back(
        {{{"cast", {{"to", "BF16"s}}}, {"cast", {{"to", std::string(name_of(datatype))}}}}, {datatype, {12}}});
  }
  return all;
}

void compile_all(const KernelCompiler& compiler, int major, int minor, std::span<const Chain> some) {
  for (const Chain& chain : some) {
    const auto plan = plan_kernels(testing::make_ops(chain.ops), chain.input);
    ASSERT_TRUE(plan.ok()) << plan.status().message();
    for (const PlannedKernel& kernel : *plan) {
      const auto cubin = compiler.compile(kernel, major, minor);
      ASSERT_TRUE(cubin.ok()) << cubin.status().message() << "\n" << kernel.source;
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(cubin->data()) + 1, 3), "ELF");
    }
  }
}

TEST(RealNvrtc, CompilesEveryKernelForEveryGeneration) {
  if (NVRTC_OF_WHEEL[0] == '\0') GTEST_SKIP() << "the Python package nvidia-cuda-nvrtc is not installed";
  const auto compiler = KernelCompiler::create("", NVRTC_OF_WHEEL);
  ASSERT_TRUE(compiler.ok()) << compiler.status().message();
  const std::vector<Chain> all = chains();
  compile_all(**compiler, 9, 0, all);
  // Of the other generations: one of each file.
  for (const auto& [major, minor] : {std::pair{7, 5}, {8, 0}, {10, 0}}) {
    SCOPED_TRACE(major * 10 + minor);
    compile_all(**compiler, major, minor, std::span(all).first(9));
  }
}

TEST(RealNvrtc, RefusesAGpuThatItDoesNotKnowWithThoseThatItKnows) {
  if (NVRTC_OF_WHEEL[0] == '\0') GTEST_SKIP() << "the Python package nvidia-cuda-nvrtc is not installed";
  const auto compiler = KernelCompiler::create("", NVRTC_OF_WHEEL);
  ASSERT_TRUE(compiler.ok()) << compiler.status().message();
  const auto cubin = (*compiler)->compile({"x", "", 1, 1, {}, {}}, 3, 5);
  EXPECT_EQ(cubin.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(cubin.status().message().find("sm_90"), std::string::npos) << cubin.status().message();
  EXPECT_NE(cubin.status().message().find("and this GPU is sm_35. Install"), std::string::npos);
}

TEST(Nvrtc, WhatIsMissingIsToldWithWhatToInstall) {
  const auto missing = Nvrtc::open("/no/such/libnvrtc.so");
  EXPECT_EQ(missing.status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(missing.status().message(),
            "NVIDIA's compiler NVRTC cannot be loaded (/no/such/libnvrtc.so: cannot open shared object file: No such "
            "file or directory). Install it: pip install nvidia-cuda-nvrtc");
  const auto other = Nvrtc::open("libm.so.6");
  EXPECT_EQ(other.status(), unavailable("NVIDIA's compiler NVRTC is too old: it has no nvrtcVersion. Install it: pip "
                                        "install nvidia-cuda-nvrtc"));
}

TEST(Nvrtc, AFailureHasTheNameOfItsCodeAndTheLog) {
  for (const char* const library : {FAKE_NVRTC, NVRTC_OF_WHEEL}) {
    if (library[0] == '\0') continue;
    const auto nvrtc = Nvrtc::open(library);
    ASSERT_TRUE(nvrtc.ok()) << nvrtc.status().message();
    const auto wrong = (*nvrtc)->compile("extern \"C\" __global__ void f() { no_such_thing; }", "wrong.cu", {},
                                         std::vector{"--std=c++17"s});
    EXPECT_EQ(wrong.status().code(), StatusCode::kInternal);
    EXPECT_EQ(wrong.status().message().find("nvrtcCompileProgram: NVRTC_ERROR_COMPILATION (6): "), 0U)
        << wrong.status().message();
    EXPECT_NE(wrong.status().message().find("no_such_thing"), std::string::npos);
    const auto option = (*nvrtc)->compile("", "empty.cu", {}, std::vector{"--no-such-option"s});
    EXPECT_EQ(option.status().message().find("nvrtcCompileProgram: NVRTC_ERROR_INVALID_OPTION (5)"), 0U)
        << option.status().message();
  }
}

}  // namespace
}  // namespace pyserver::kernels
