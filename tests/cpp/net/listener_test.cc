#include "net/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "net/loop_fixtures.h"
#include "support/fake_clock.h"

namespace pyserver {
namespace {

using std::chrono::milliseconds;

class ListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pyserver_listener_XXXXXX";
    folder = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path() const { return folder / "server.sock"; }
  static SocketAddress address_of(const std::string& text) { return resolve(text)->front(); }
  Result<std::unique_ptr<Listener>> open(const std::string& text, ListenerOptions options = {}) {
    return Listener::open(address_of(text), options);
  }
  std::unique_ptr<Listener> opened(const std::string& text, ListenerOptions options = {}) {
    auto listener = open(text, options);
    EXPECT_TRUE(listener.ok()) << listener.status().message();
    return listener.ok() ? std::move(*listener) : nullptr;
  }
  void start(Listener& listener) {
    listener.start(*loop, [this](Socket socket, std::string peer) {
      accepted.push_back(std::move(socket));
      peers.push_back(std::move(peer));
    });
  }
  static Socket connected(const std::string& text) {
    const SocketAddress address = address_of(text);
    Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int result = connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.length);
    return result == 0 ? std::move(socket) : Socket();
  }
  void turn() {
    loop->stop();
    loop->run();
  }

  std::filesystem::path folder;
  FakeClock clock;
  std::unique_ptr<EventLoop> loop = std::move(*EventLoop::create(clock));
  std::vector<Socket> accepted;
  std::vector<std::string> peers;
};

TEST_F(ListenerTest, AcceptsOverTcpAndNamesThePeer) {
  const auto listener = opened("127.0.0.1:0");
  ASSERT_NE(listener->port(), 0);
  start(*listener);
  const Socket client = connected("127.0.0.1:" + std::to_string(listener->port()));
  ASSERT_TRUE(client);
  turn();
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  ASSERT_EQ(getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &length), 0);
  EXPECT_EQ(peers, (std::vector<std::string>{peer_text(own, length)}));
  EXPECT_NE(fcntl(accepted[0].fd(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(accepted[0].fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(ListenerTest, AcceptsOverIPv6BesideIPv4OnTheSamePort) {
  auto ipv6 = open("[::1]:0");
  if (!ipv6.ok()) GTEST_SKIP() << "this machine has no IPv6";
  ipv6 = open("[::]:0");
  ASSERT_TRUE(ipv6.ok());
  const std::string port = std::to_string((*ipv6)->port());
  const auto ipv4 = opened("0.0.0.0:" + port);
  start(**ipv6);
  start(*ipv4);
  const Socket a = connected("[::1]:" + port);
  const Socket b = connected("127.0.0.1:" + port);
  turn();
  ASSERT_EQ(peers.size(), 2u);
  std::sort(peers.begin(), peers.end());
  EXPECT_TRUE(peers[0].starts_with("ipv4:127.0.0.1:")) << peers[0];
  EXPECT_TRUE(peers[1].starts_with("ipv6:[::1]:")) << peers[1];
}

TEST_F(ListenerTest, RefusesAPortThatIsTaken) {
  const auto listener = opened("127.0.0.1:0");
  const auto second = open("127.0.0.1:" + std::to_string(listener->port()));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status(), unavailable("address already in use"));
}

TEST_F(ListenerTest, RefusesAnAddressThatIsNotOurs) {
  EXPECT_EQ(open("192.0.2.1:0").status(), unavailable("cannot assign requested address"));
}

TEST_F(ListenerTest, TakesThePortOfAServerThatHadConnections) {
  auto listener = opened("127.0.0.1:0");
  const std::string text = "127.0.0.1:" + std::to_string(listener->port());
  start(*listener);
  const Socket client = connected(text);
  turn();
  accepted.clear();  // closed by the server first: its end stays in TIME_WAIT
  listener.reset();
  EXPECT_TRUE(open(text).ok());
}

TEST_F(ListenerTest, AcceptsOnAUnixSocketAndRemovesItsFile) {
  auto listener = opened("unix:" + path());
  EXPECT_EQ(listener->port(), 0);
  start(*listener);
  const Socket client = connected("unix:" + path());
  ASSERT_TRUE(client);
  turn();
  EXPECT_EQ(peers, (std::vector<std::string>{"unix:"}));
  listener.reset();
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(ListenerTest, AcceptsOnAnAbstractUnixSocket) {
  const std::string text = "unix-abstract:pyserver-" + folder.filename().string();
  const auto listener = opened(text);
  start(*listener);
  const Socket client = connected(text);
  ASSERT_TRUE(client);
  turn();
  EXPECT_EQ(accepted.size(), 1u);
  EXPECT_EQ(open(text).status(), unavailable("address already in use"));
}

TEST_F(ListenerTest, LeavesAUnixSocketThatALivingServerAnswers) {
  const auto listener = opened("unix:" + path());
  EXPECT_EQ(open("unix:" + path()).status(), unavailable("address already in use"));
  EXPECT_TRUE(connected("unix:" + path()));
}

TEST_F(ListenerTest, LeavesAUnixSocketWhoseServerIsTooBusyToAnswer) {
  ListenerOptions options;
  options.backlog = 0;
  const auto listener = opened("unix:" + path(), options);
  const Socket waits = connected("unix:" + path());  // fills the queue
  EXPECT_EQ(open("unix:" + path()).status(), unavailable("address already in use"));
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(ListenerTest, ReplacesTheUnixSocketOfADeadServer) {
  {
    const SocketAddress address = address_of("unix:" + path());
    const Socket dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(bind(dead.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.length), 0);
  }
  ASSERT_TRUE(std::filesystem::is_socket(path()));
  const auto listener = opened("unix:" + path());
  EXPECT_TRUE(connected("unix:" + path()));
}

TEST_F(ListenerTest, NeverReplacesAFileThatIsNoSocket) {
  std::ofstream(path()) << "precious";
  EXPECT_EQ(open("unix:" + path()).status(), unavailable("address already in use"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path()));
}

TEST_F(ListenerTest, LeavesAFileThatAnotherHasPutInThePlaceOfIts) {
  auto listener = opened("unix:" + path());
  ASSERT_EQ(unlink(path().c_str()), 0);
  const auto second = opened("unix:" + path());
  listener.reset();
  EXPECT_TRUE(connected("unix:" + path()));
}

TEST_F(ListenerTest, SaysWhyThereCanBeNoUnixSocket) {
  EXPECT_EQ(open("unix:" + (folder / "none" / "x").string()).status(), unavailable("no such file or directory"));
}

TEST_F(ListenerTest, AcceptsOnlySoManyInATurn) {
  ListenerOptions options;
  options.accepts_per_turn = 2;
  const auto listener = opened("unix:" + path(), options);
  start(*listener);
  std::vector<Socket> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connected("unix:" + path()));
  turn();
  EXPECT_EQ(accepted.size(), 2u);
  turn();
  EXPECT_EQ(accepted.size(), 3u);
}

TEST_F(ListenerTest, AcceptsNoMoreOnceItIsStoppedByTheTakerToo) {
  const auto listener = opened("unix:" + path());
  int taken = 0;
  listener->start(*loop, [&](Socket, std::string) {
    ++taken;
    listener->stop();
  });
  const Socket a = connected("unix:" + path());
  const Socket b = connected("unix:" + path());
  turn();
  turn();
  EXPECT_EQ(taken, 1);
}

TEST_F(ListenerTest, RestsWhenThereAreNoDescriptorsAndGoesOn) {
  const auto listener = opened("unix:" + path());
  start(*listener);
  const Socket client = connected("unix:" + path());
  ASSERT_TRUE(client);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none{0, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  turn();
  turn();  // it rests: it does not try again
  EXPECT_EQ(listener->failed_accepts(), 1u);
  clock.advance(milliseconds(100));
  turn();
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(accepted.size(), 0u);
  turn();
  EXPECT_EQ(accepted.size(), 1u);
}

}  // namespace
}  // namespace pyserver
