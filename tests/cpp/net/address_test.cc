#include "net/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace pyserver {
namespace {

// The addresses as peer_text() prints them, sorted.
std::vector<std::string> resolved(std::string_view text) {
  const auto addresses = resolve(text);
  if (!addresses.ok()) return {addresses.status().message()};
  std::vector<std::string> texts;
  for (const auto& address : *addresses) texts.push_back(peer_text(address.storage, address.length));
  std::sort(texts.begin(), texts.end());
  return texts;
}

using Texts = std::vector<std::string>;

TEST(ResolveTest, ReadsNumericAddresses) {
  EXPECT_EQ(resolved("127.0.0.1:8001"), (Texts{"ipv4:127.0.0.1:8001"}));
  EXPECT_EQ(resolved("[::1]:0"), (Texts{"ipv6:[::1]:0"}));
  EXPECT_EQ(resolved("0.0.0.0:65535"), (Texts{"ipv4:0.0.0.0:65535"}));
}

TEST(ResolveTest, TakesTheAnyAddressOfIPv6ForBothFamilies) {
  EXPECT_EQ(resolved("[::]:80"), (Texts{"ipv4:0.0.0.0:80", "ipv6:[::]:80"}));
}

TEST(ResolveTest, FindsEveryAddressOfANameOnce) {
  const Texts texts = resolved("localhost:0");
  EXPECT_NE(std::find(texts.begin(), texts.end(), "ipv4:127.0.0.1:0"), texts.end());
  EXPECT_EQ(std::adjacent_find(texts.begin(), texts.end()), texts.end());
}

TEST(ResolveTest, ReadsUnixSockets) {
  EXPECT_EQ(resolved("unix:/run/x.sock"), (Texts{"unix:/run/x.sock"}));
  EXPECT_EQ(resolved("unix:///run/x.sock"), (Texts{"unix:/run/x.sock"}));
  EXPECT_EQ(resolved("unix:relative"), (Texts{"unix:relative"}));
  EXPECT_EQ(resolved("unix-abstract:name"), (Texts{"unix-abstract:name"}));
  EXPECT_EQ(resolved("unix:" + std::string(107, 'p')), (Texts{"unix:" + std::string(107, 'p')}));
}

class BadAddressTest : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(BadAddressTest, IsAnInvalidArgumentThatSaysWhatWasExpected) {
  const auto& [text, reason] = GetParam();
  const auto addresses = resolve(text);
  ASSERT_FALSE(addresses.ok());
  EXPECT_EQ(addresses.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(addresses.status().message().find(reason), std::string::npos) << addresses.status().message();
}

const std::string kForms = "expected HOST:PORT, [IPV6]:PORT, unix:PATH";
const std::string kPort = "expected a port from 0 to 65535";

INSTANTIATE_TEST_SUITE_P(
    , BadAddressTest,
    testing::Values(std::pair{"", kForms}, std::pair{"localhost", kForms}, std::pair{":80", kForms},
                    std::pair{"::1:80", kForms}, std::pair{"[localhost]:80", kForms}, std::pair{"[]:80", kForms},
                    std::pair{"unix:", kForms}, std::pair{"unix-abstract:", kForms},
                    std::pair{"unix://host/path", std::string("unix:///PATH")},
                    std::pair{"unix:" + std::string(108, 'p'), std::string("at most 107 bytes, this one 108")},
                    std::pair{std::string("unix:a\0b", 8), std::string("NUL")}, std::pair{"localhost:", kPort},
                    std::pair{"localhost:http", kPort}, std::pair{"localhost:-1", kPort},
                    std::pair{"localhost:65536", kPort}, std::pair{"localhost:99999999999999999999", kPort},
                    std::pair{"[::g]:80", std::string("[::g]:80")},
                    std::pair{std::string("local\0host:80", 13), kForms}));

TEST(PeerTextTest, PrintsWhatHasNoNameAndWhatIsMapped) {
  sockaddr_storage address{};
  address.ss_family = AF_UNIX;
  EXPECT_EQ(peer_text(address, sizeof(sa_family_t)), "unix:");
  const auto mapped = resolve("[::ffff:10.1.2.3]:5");
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(peer_text((*mapped)[0].storage, (*mapped)[0].length), "ipv4:10.1.2.3:5");
}

}  // namespace
}  // namespace pyserver
