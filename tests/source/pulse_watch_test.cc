#include "bridge/source/pulse_watch.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace bridge {

void PrintTo(PulseReason reason, std::ostream* out) { *out << TextOf(reason).name; }

namespace {

using R = PulseReason;

constexpr TimeDelta kSecond = TimeDelta::FromSeconds(1);
constexpr TimeDelta kNear = TimeDelta::FromMicros(300);
constexpr TimeDelta kOff = TimeDelta::FromMicros(1'001);

struct Pulsed {
  // How many of `count` pulses changed `contradicted`.
  int Run(int count, TimeDelta ahead, bool labelled = true) {
    int changes = 0;
    for (int i = 0; i < count; ++i) {
      now = now + kSecond;
      changes += watch.Add({now, ahead}, labelled);
    }
    return changes;
  }
  PulseWatch watch;
  MonoTime now = MonoTime::FromNanos(1'000'000'000'000);
};

TEST(PulseWatch, HasNoOpinionBeforeAPulseAndAfterForgetting) {
  Pulsed pulsed;
  EXPECT_EQ(pulsed.watch.reason(), R::kUnseen);
  pulsed.Run(1, kNear);
  EXPECT_EQ(pulsed.watch.reason(), R::kAgree);
  pulsed.Run(5, kOff);
  ASSERT_TRUE(pulsed.watch.contradicted());
  pulsed.watch.Forget();
  EXPECT_EQ(pulsed.watch.reason(), R::kUnseen);
  EXPECT_FALSE(pulsed.watch.contradicted());
}

TEST(PulseWatch, IsContradictedByFivePulsesInARowAndToldOnce) {
  for (const TimeDelta ahead : {kOff, -kOff, kSecond.Half(), kSecond + kOff}) {
    Pulsed pulsed;
    pulsed.Run(100, kNear);
    EXPECT_EQ(pulsed.Run(4, ahead), 0);
    EXPECT_EQ(pulsed.watch.reason(), R::kAgree);
    EXPECT_EQ(pulsed.Run(1, ahead), 1);
    EXPECT_EQ(pulsed.watch.reason(), R::kOff);
    EXPECT_EQ(pulsed.Run(100, ahead), 0);
  }
}

TEST(PulseWatch, IsContradictedByTenPulsesOfAnotherSecond) {
  for (const int seconds : {1, -1, 37}) {
    Pulsed pulsed;
    pulsed.Run(100, kNear);
    EXPECT_EQ(pulsed.Run(9, kNear + TimeDelta::FromSeconds(seconds)), 0);
    EXPECT_EQ(pulsed.Run(1, kNear + TimeDelta::FromSeconds(seconds)), 1);
    EXPECT_EQ(pulsed.watch.reason(), R::kOtherSecond);
  }
}

TEST(PulseWatch, LooksOnlyAtPartsOfASecondWhileWholeOnesAreNotToBeBelieved) {
  Pulsed pulsed;
  EXPECT_EQ(pulsed.Run(100, kSecond + kNear, false), 0);
  EXPECT_EQ(pulsed.watch.reason(), R::kAgree);
  EXPECT_EQ(pulsed.Run(5, kSecond + kOff, false), 1);
  EXPECT_EQ(pulsed.watch.reason(), R::kOff);
}

TEST(PulseWatch, DoesNotMindAPulseThatIsWrongNowAndThen) {
  Pulsed pulsed;
  int changes = 0;
  for (int i = 0; i < 1'000; ++i) {
    changes += pulsed.Run(4, kOff) + pulsed.Run(1, kNear) + pulsed.Run(9, kSecond) +
               pulsed.Run(1, kNear);
  }
  EXPECT_EQ(changes, 0);
  EXPECT_EQ(pulsed.watch.reason(), R::kAgree);
}

TEST(PulseWatch, AgreesAgainAfterTenPulsesThatAreTwiceAsNear) {
  for (const TimeDelta ahead : {TimeDelta::FromMillis(2), kSecond}) {
    Pulsed pulsed;
    pulsed.Run(10, ahead);
    ASSERT_TRUE(pulsed.watch.contradicted());
    EXPECT_EQ(pulsed.Run(1'000, TimeDelta::FromMicros(501)), 0);
    EXPECT_EQ(pulsed.Run(9, TimeDelta::FromMicros(500)), 0);
    pulsed.Run(1, ahead);
    EXPECT_EQ(pulsed.Run(9, TimeDelta::FromMicros(500)), 0);
    EXPECT_EQ(pulsed.Run(1, TimeDelta::FromMicros(500)), 1);
    EXPECT_EQ(pulsed.watch.reason(), R::kAgree);
  }
}

TEST(PulseWatch, CountsAPulseThatIsShownTwiceOnce) {
  Pulsed pulsed;
  for (int i = 0; i < 100; ++i)
    EXPECT_FALSE(pulsed.watch.Add({pulsed.now, kOff}, true));
  EXPECT_EQ(pulsed.watch.reason(), R::kUnseen);
}

TEST(PulseWatch, HasANameAndASentenceForEachReason) {
  std::set<std::string> names;
  for (size_t i = 0; i < PulseReasons().size(); ++i) {
    const PulseReasonText& row = PulseReasons()[i];
    EXPECT_EQ(row.reason, static_cast<R>(i));
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_GT(std::string(row.sentence).size(), 20u);
  }
}

}  // namespace
}  // namespace bridge
