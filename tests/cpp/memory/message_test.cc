#include "memory/message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

namespace pyserver {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class MessageTest : public testing::Test {
 protected:
  Buffer buffer(std::string_view text) {
    Buffer made = std::move(*pool_->take(text.size()));
    std::memcpy(made.data(), text.data(), text.size());
    return made;
  }
  static std::string text_of(const Message& message) {
    std::string text(message.size(), '\0');
    message.copy_to(reinterpret_cast<std::byte*>(text.data()));
    return text;
  }
  static int pieces_of(const Message& message) {
    int count = 0;
    message.each_piece([&count](std::span<const std::byte> piece) {
      EXPECT_FALSE(piece.empty());
      ++count;
    });
    return count;
  }

  HostAllocator allocator_;
  std::shared_ptr<BufferPool> pool_ = BufferPool::create(allocator_);
  const std::shared_ptr<const int> owner_ = std::make_shared<const int>(0);
};

TEST_F(MessageTest, OfNothingIsNotPresentAndAnEmptyOneIs) {
  EXPECT_FALSE(Message().present());
  const Message empty(buffer(""));
  EXPECT_TRUE(empty.present());
  EXPECT_EQ(empty.size(), 0U);
  EXPECT_EQ(pieces_of(empty), 0);
}

TEST_F(MessageTest, OfABufferIsOnePiece) {
  Message message(buffer("all"));
  EXPECT_TRUE(message.is_one_piece());
  EXPECT_EQ(text_of(message), "all");
  EXPECT_EQ(pieces_of(message), 1);
  EXPECT_EQ(message.take_written().size(), 3U);
}

TEST_F(MessageTest, HasLentBytesWhereTheyBelong) {
  const Message message(buffer("abcd"),
                        {{0, bytes_of("<0>")}, {2, bytes_of("<1>")}, {2, bytes_of("")}, {4, bytes_of("<2>")}}, owner_);
  EXPECT_FALSE(message.is_one_piece());
  EXPECT_EQ(text_of(message), "<0>ab<1>cd<2>");
  EXPECT_EQ(pieces_of(message), 5);
}

TEST_F(MessageTest, KeepsTheOwnerOfLentBytes) {
  {
    const Message message(buffer(""), {{0, bytes_of("lent")}}, owner_);
    EXPECT_EQ(owner_.use_count(), 2);
  }
  EXPECT_EQ(owner_.use_count(), 1);
}

TEST(Loan, CoversWhatIsLargeAndLiesWithinItsRegion) {
  const std::string memory(3 * Loan::kSmallest, 'm');
  const std::span<const std::byte> all = bytes_of(memory);
  const Loan loan{std::make_shared<const int>(0), all.subspan(1, 2 * Loan::kSmallest)};
  EXPECT_TRUE(loan.covers(all.subspan(1, Loan::kSmallest)));
  EXPECT_TRUE(loan.covers(all.subspan(1, 2 * Loan::kSmallest)));
  EXPECT_FALSE(loan.covers(all.subspan(1, Loan::kSmallest - 1)));
  EXPECT_FALSE(loan.covers(all.subspan(0, Loan::kSmallest)));
  EXPECT_FALSE(loan.covers(all.subspan(2, 2 * Loan::kSmallest)));
  EXPECT_FALSE(loan.covers(all.subspan(2 * Loan::kSmallest + 1, Loan::kSmallest - 1)));
}

TEST(Loan, WithoutAnOwnerCoversNothingAndWithoutARegionEverythingLarge) {
  const std::string memory(Loan::kSmallest, 'm');
  EXPECT_FALSE((Loan{nullptr, bytes_of(memory)}).covers(bytes_of(memory)));
  EXPECT_TRUE((Loan{std::make_shared<const int>(0), {}}).covers(bytes_of(memory)));
}

}  // namespace
}  // namespace pyserver
