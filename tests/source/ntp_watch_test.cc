#include "bridge/source/ntp_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bridge/time/waiting.h"

namespace bridge {

void PrintTo(NtpReason reason, std::ostream* out) { *out << TextOf(reason).name; }

namespace {

using R = NtpReason;

constexpr MonoTime kStart = MonoTime::FromNanos(5'000'000'000);

// A kernel's clock as a daemon leaves it, looked at once a second.
class NtpWatchTest : public testing::Test {
 protected:
  // The kernel's second; then the daemon, every `poll` seconds if it lives; then us.
  void Second() {
    now_ = now_ + absl::Seconds(1);
    ++second_;
    state_.max_error = std::min(state_.max_error + TimeDelta::FromMicros(500),
                                TimeDelta::FromSeconds(16));
    if (state_.max_error == TimeDelta::FromSeconds(16)) state_.synchronized = false;
    if (poll_ != 0 && second_ % poll_ == 0) {
      state_.synchronized = clears_flag_;
      state_.max_error = TimeDelta::FromMicros(37);
    }
    if (const auto change = watch_.Update(state_, now_)) changes_.push_back(*change);
  }
  void Run(int seconds) {
    for (int i = 0; i < seconds; ++i) Second();
  }

  MonoTime now_ = kStart;
  int second_ = 0;
  int poll_ = 16;
  bool clears_flag_ = true;
  SystemClockState state_{.synchronized = true,
                          .max_error = TimeDelta::FromMicros(1000),
                          .est_error = TimeDelta::FromMicros(3),
                          .frequency_ppb = -4200};
  NtpWatch watch_{{}, kStart};
  std::vector<NtpWatch::Change> changes_;
};

TEST_F(NtpWatchTest, AClockThatIsUpdatedIsDisciplined) {
  EXPECT_EQ(watch_.reason(), R::kUnread);
  Run(15);
  EXPECT_EQ(watch_.reason(), R::kAbandoned) << "no update was seen yet";
  Second();
  EXPECT_EQ(watch_.reason(), R::kSettling);
  EXPECT_THAT(watch_.updated(), testing::Optional(now_));
  Run(10);
  EXPECT_TRUE(watch_.disciplined());
  const MonoTime since = watch_.since();
  EXPECT_EQ(since, now_);
  Run(2000);
  EXPECT_TRUE(watch_.disciplined());
  EXPECT_EQ(watch_.since(), since);
  EXPECT_EQ(changes_.size(), 1u);
}

TEST_F(NtpWatchTest, ADaemonThatDiedIsNoticedThoughTheKernelStillCallsItSynchronised) {
  Run(64);
  ASSERT_TRUE(watch_.disciplined());
  poll_ = 0;
  Run(300);
  EXPECT_TRUE(watch_.disciplined());
  Second();
  EXPECT_EQ(watch_.reason(), R::kAbandoned);
  EXPECT_TRUE(state_.synchronized);
  EXPECT_EQ(watch_.since(), now_);
  Run(30'000);
  EXPECT_EQ(watch_.reason(), R::kAbandoned);
  Run(3'000);
  EXPECT_EQ(watch_.reason(), R::kUnsynchronized) << "nine hours later";
  poll_ = 16;
  Run(27);
  EXPECT_TRUE(watch_.disciplined());
}

TEST_F(NtpWatchTest, AnAbandonedClockIsNeverDisciplined) {
  poll_ = 0;
  for (int i = 0; i < 20'000; ++i) {
    Second();
    ASSERT_EQ(watch_.reason(), R::kAbandoned);
  }
}

// A dead daemon may leave it slewing: the clock's seconds are not those of
// CLOCK_MONOTONIC then.
TEST_F(NtpWatchTest, SecondsOfAnotherLengthAreNoUpdate) {
  for (const double speed : {0.917, 0.999, 1.001, 1.083}) {
    NtpWatch watch({}, kStart);
    for (int i = 1; i < 5000; ++i) {
      SystemClockState state = state_;
      state.max_error += TimeDelta::FromMicros(500 * static_cast<int64_t>(i * speed));
      watch.Update(state, kStart + absl::Seconds(i));
      ASSERT_EQ(watch.reason(), R::kAbandoned) << speed << " " << i;
    }
  }
}

TEST_F(NtpWatchTest, LooksAtIrregularTimesSeeNoUpdate) {
  NtpWatch watch({}, kStart);
  absl::Duration at;
  for (int i = 1; i < 3000; ++i) {
    at += absl::Milliseconds(200 + i * 7919 % 2400);
    SystemClockState state = state_;
    state.max_error += TimeDelta::FromMicros(500 * absl::ToInt64Seconds(at));
    watch.Update(state, kStart + at);
    ASSERT_EQ(watch.reason(), R::kAbandoned);
  }
}

TEST_F(NtpWatchTest, EveryKindOfUpdateIsSeen) {
  const auto update_seen = [this](auto change) {
    NtpWatch watch({}, kStart);
    SystemClockState state = state_;
    watch.Update(state, kStart);
    state.max_error += TimeDelta::FromMicros(10 * 500);
    EXPECT_FALSE(watch.updated());
    change(state);
    watch.Update(state, kStart + absl::Seconds(10));
    return watch.updated().has_value();
  };
  EXPECT_FALSE(update_seen([](SystemClockState&) {}));
  EXPECT_TRUE(update_seen([](auto& s) { s.max_error -= TimeDelta::FromMicros(1); }));
  EXPECT_TRUE(update_seen([](auto& s) { s.max_error += TimeDelta::FromMicros(2500); }));
  EXPECT_TRUE(update_seen([](auto& s) { s.est_error += TimeDelta::FromMicros(1); }));
  EXPECT_TRUE(update_seen([](auto& s) { s.frequency_ppb += 0.02; }));
}

TEST_F(NtpWatchTest, ADaemonThatSaysTheSameEverySecondIsSeen) {
  poll_ = 1;
  Run(60);
  EXPECT_TRUE(watch_.disciplined());
}

TEST_F(NtpWatchTest, LosesAtOnceWhatTheDaemonTakesBack) {
  Run(64);
  ASSERT_TRUE(watch_.disciplined());
  poll_ = 0;
  state_.synchronized = false;
  state_.max_error = TimeDelta::FromSeconds(16);
  Second();
  EXPECT_EQ(watch_.reason(), R::kUnsynchronized);
  state_.synchronized = true;
  state_.max_error = TimeDelta::FromMicros(37);
  Run(10);
  EXPECT_EQ(watch_.reason(), R::kSettling);
  Second();
  EXPECT_TRUE(watch_.disciplined());
}

// chronyd without `rtcsync`, as seen: the flag stays set, maxerror is what it says.
TEST_F(NtpWatchTest, TheFlagAloneIsNoSign) {
  clears_flag_ = false;
  state_ = {.synchronized = false,
            .max_error = TimeDelta::FromSeconds(16),
            .est_error = TimeDelta::FromSeconds(16),
            .frequency_ppb = 0};
  Run(15);
  EXPECT_EQ(watch_.reason(), R::kUnsynchronized);
  Run(16);
  EXPECT_TRUE(watch_.disciplined());
  poll_ = 0;
  Run(300);
  EXPECT_EQ(watch_.reason(), R::kAbandoned);
}

TEST_F(NtpWatchTest, AKernelThatDoesNotAnswerIsNoWitness) {
  Run(64);
  ASSERT_TRUE(watch_.disciplined());
  const auto change = watch_.Update(std::nullopt, now_ + absl::Seconds(1));
  ASSERT_TRUE(change);
  EXPECT_EQ(change->from, R::kDisciplined);
  EXPECT_EQ(change->to, R::kUnread);
}

TEST(NtpReasons, StandInOrderWithNamesOfTheirOwn) {
  std::set<std::string> names;
  for (size_t i = 0; i < NtpReasons().size(); ++i) {
    const NtpReasonText& row = NtpReasons()[i];
    EXPECT_EQ(static_cast<size_t>(row.reason), i);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_GT(std::string(row.sentence).size(), 20u);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(R::kDisciplined) + 1);
}

}  // namespace
}  // namespace bridge
