#include "grpc/timeout.h"

#include <gtest/gtest.h>

namespace pyserver {
namespace {

using namespace std::chrono_literals;

TEST(ParseTimeout, ReadsEveryUnit) {
  EXPECT_EQ(parse_timeout("1H"), Duration(1h));
  EXPECT_EQ(parse_timeout("2M"), Duration(2min));
  EXPECT_EQ(parse_timeout("3S"), Duration(3s));
  EXPECT_EQ(parse_timeout("4m"), Duration(4ms));
  EXPECT_EQ(parse_timeout("5u"), Duration(5us));
  EXPECT_EQ(parse_timeout("6n"), Duration(6ns));
}

TEST(ParseTimeout, TakesUpToEightDigits) {
  EXPECT_EQ(parse_timeout("0S"), Duration(0));
  EXPECT_EQ(parse_timeout("00000001m"), Duration(1ms));
  EXPECT_EQ(parse_timeout("99999999S"), Duration(99'999'999s));
}

TEST(ParseTimeout, MakesWhatTheClockCannotHoldTheLongestThatItHas) {
  EXPECT_EQ(parse_timeout("99999999H"), Duration::max());
  EXPECT_EQ(parse_timeout("99999999M"), Duration(99'999'999min)) << "190 years fit";
  EXPECT_EQ(parse_timeout("2562047H"), Duration(2'562'047h)) << "the last hour that fits";
  EXPECT_EQ(parse_timeout("2562048H"), Duration::max());
}

TEST(ParseTimeout, RefusesEverythingElse) {
  for (const char* text : {"", "S", "1", "1s", "1h", "100000000n", "-1S", "+1S", " 1S", "1S ", "1 S", "1.5S", "1e3m",
                           "0x1S", "1Sm", "1mS", "٣S"}) {
    EXPECT_EQ(parse_timeout(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_timeout(std::string_view("1\0S", 3)), std::nullopt);
}

}  // namespace
}  // namespace pyserver
