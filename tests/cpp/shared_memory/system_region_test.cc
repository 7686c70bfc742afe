#include "shared_memory/system_region.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "support/shared_object.h"

namespace pyserver {
namespace {

using test::SharedObject;

std::shared_ptr<const Region> opened(const SharedObject& object, std::uint64_t offset, std::uint64_t byte_size) {
  auto region = SystemRegion::open(object.key(), offset, byte_size);
  EXPECT_TRUE(region.ok()) << region.status().message();
  return region.ok() ? *std::move(region) : nullptr;
}

Status read(const Region& region, std::size_t offset, std::string& to) {
  return region.read(offset, std::as_writable_bytes(std::span(to)));
}
Status write(const Region& region, std::size_t offset, std::string_view from) {
  return region.write(offset, std::as_bytes(std::span(from)));
}

void expect_refused(const Result<std::shared_ptr<const Region>>& region, StatusCode code, std::string_view reason) {
  EXPECT_EQ(region.status().code(), code);
  EXPECT_NE(region.status().message().find(reason), std::string::npos) << region.status().message();
}

TEST(SystemRegion, IsThePartOfTheObjectThatItsOffsetAndSizeSay) {
  const SharedObject object("0123456789");
  const auto region = opened(object, 2, 5);
  EXPECT_EQ(region->size(), 5u);
  EXPECT_FALSE(region->device_address().has_value());
  std::string got(3, ' ');
  ASSERT_TRUE(read(*region, 2, got).ok());
  EXPECT_EQ(got, "456");
  ASSERT_TRUE(write(*region, 0, "ab").ok());
  EXPECT_EQ(object.contents(), "01ab456789");
}

TEST(SystemRegion, ReadsWhatTheClientWroteAfterItWasRegistered) {
  const SharedObject object("before");
  const auto region = opened(object, 0, 6);
  object.write("after!");
  std::string got(6, ' ');
  ASSERT_TRUE(read(*region, 0, got).ok());
  EXPECT_EQ(got, "after!");
}

TEST(SystemRegion, TakesTheObjectsNameWithAndWithoutItsSlash) {
  const SharedObject object("x");
  EXPECT_TRUE(SystemRegion::open(object.key(), 0, 1).ok());
  EXPECT_TRUE(SystemRegion::open(object.key().substr(1), 0, 1).ok());
}

TEST(SystemRegion, RefusesNamesThatAreNoObjects) {
  using std::string_literals::operator""s;
  for (const std::string& key : {""s, "/"s, "."s, ".."s, "/.."s, "//x"s, "/a/b"s, "../shm/x"s, "/../etc/passwd"s,
                                 "/x\0y"s, std::string(300, 'x')}) {
    const auto region = SystemRegion::open(key, 0, 1);
    EXPECT_EQ(region.status().code(), StatusCode::kInvalidArgument) << key;
  }
}

TEST(SystemRegion, RefusesAnObjectThatIsNotThere) {
  expect_refused(SystemRegion::open("/pyserver-test-nobody", 0, 1), StatusCode::kNotFound,
                 "shared memory object '/pyserver-test-nobody' cannot be opened: No such file or directory");
}

TEST(SystemRegion, RefusesAPipeOfThatNameAndDoesNotWaitForIt) {
  const std::string name = "pyserver-test-pipe-" + std::to_string(::getpid());
  const std::string path = "/dev/shm/" + name;
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_refused(SystemRegion::open(name, 0, 1), StatusCode::kInvalidArgument, "to be a shared memory object");
  ::unlink(path.c_str());
}

TEST(SystemRegion, FollowsNoLinkToAnotherFile) {
  const std::string name = "pyserver-test-link-" + std::to_string(::getpid());
  const std::string path = "/dev/shm/" + name;
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  expect_refused(SystemRegion::open(name, 0, 1), StatusCode::kInvalidArgument, "cannot be opened");
  ::unlink(path.c_str());
}

TEST(SystemRegion, RefusesWhatGoesBeyondTheObject) {
  const SharedObject object("0123456789");
  const auto refused = [&](std::uint64_t offset, std::uint64_t byte_size) {
    expect_refused(SystemRegion::open(object.key(), offset, byte_size), StatusCode::kInvalidArgument, "within the 10");
  };
  refused(0, 11);
  refused(10, 1);
  refused(5, 6);
  refused(UINT64_MAX, 1);
  refused(1, UINT64_MAX);
  refused(UINT64_MAX - 3, 8);  // their sum is 4
  expect_refused(SystemRegion::open(object.key(), 0, 0), StatusCode::kInvalidArgument, "at least 1 byte, got 0");
}

TEST(SystemRegion, SaysSoWhereAnotherProcessTruncatedTheObject) {
  const SharedObject object("0123456789");
  const auto region = opened(object, 2, 8);
  object.truncate_from_outside(4);
  std::string got(8, ' ');
  const Status status = read(*region, 0, got);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("was truncated after it was registered: expected at least 10 bytes, got 4"),
            std::string::npos)
      << status.message();
  got.resize(2);
  EXPECT_TRUE(read(*region, 0, got).ok()) << "what is left can be read";
  EXPECT_EQ(got, "23");
}

TEST(SystemRegion, DoesNotMakeATruncatedObjectLongerAgain) {
  const SharedObject object("0123456789");
  const auto region = opened(object, 0, 10);
  object.truncate_from_outside(4);
  EXPECT_EQ(write(*region, 2, "abcd").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(object.contents(), "0123");
}

// With a mapping, the first access behind the end would be SIGBUS, and the end of this program.
TEST(SystemRegion, SurvivesAProcessThatTruncatesAndGrowsTheObjectAllTheTime) {
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  const SharedObject object(std::string(kBytes, 'x'));
  const auto region = opened(object, 0, kBytes);
  const pid_t child = ::fork();
  if (child == 0) {
    while (true) {
      if (::ftruncate(object.descriptor(), 0) != 0 || ::ftruncate(object.descriptor(), kBytes) != 0) ::_exit(1);
    }
  }
  std::string got(kBytes, ' ');
  const std::string written(kBytes, 'y');
  int refused = 0;
  for (int turn = 0; turn < 500 || (refused == 0 && turn < 50'000); ++turn) {
    for (const Status& status : {read(*region, 0, got), write(*region, 0, written)}) {
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
      ++refused;
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_GT(refused, 0) << "the object was never caught cut off";
}

TEST(SystemRegion, IsUsableAfterItsMakerUnlinkedItAndWent) {
  auto object = std::make_unique<SharedObject>("kept");
  const auto region = opened(*object, 0, 4);
  object.reset();
  std::string got(4, ' ');
  ASSERT_TRUE(read(*region, 0, got).ok());
  EXPECT_EQ(got, "kept");
}

TEST(SystemRegion, GivesItsDescriptorBack) {
  const SharedObject object("x");
  const int before = ::dup(object.descriptor());
  ::close(before);
  opened(object, 0, 1).reset();
  EXPECT_FALSE(SystemRegion::open(object.key(), 0, 2).ok());
  const int after = ::dup(object.descriptor());
  ::close(after);
  EXPECT_EQ(after, before) << "the lowest free descriptor is the same again";
}

}  // namespace
}  // namespace pyserver
