#include "bridge/engine/one_step.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bridge/time/waiting.h"

namespace bridge {
namespace {

constexpr auto kStart = MonoTime::FromNanos(86'400'000'000'000);
constexpr auto kNanosecond = TimeDelta::FromNanos(1);

// Looked at every quarter of a second. The hardware does at once what it is asked for,
// if it can.
struct Played {
  OneStep one_step{true};
  MonoTime now = kStart;
  OneStep::Seen seen{
      .hardware = true, .on_tai = true, .serves = true, .error = TimeDelta()};
  bool can = true;
  int switched_on = 0, switched_off = 0;

  void Look() {
    const auto change = one_step.Update(seen, now);
    if (!change) return;
    ++(*change ? switched_on : switched_off);
    one_step.OnSwitched(*change && can, now);
  }
  void Pass(double seconds) {
    for (double t = 0; t < seconds; t += 0.25) {
      now = now + absl::Milliseconds(250);
      Look();
    }
  }
};

Played On() {
  Played played;
  played.Pass(11);
  EXPECT_EQ(played.one_step.state(), OneStepState::kOn);
  EXPECT_EQ(played.switched_on, 1);
  return played;
}

TEST(OneStep, BeginsWhenThePhcHasBeenNearForTenSeconds) {
  Played played;
  played.seen.error = -OneStep::kNear;
  played.Look();
  played.Pass(9.75);
  EXPECT_EQ(played.one_step.state(), OneStepState::kSettling);
  EXPECT_EQ(played.switched_on, 0);
  played.Pass(0.5);
  EXPECT_EQ(played.one_step.state(), OneStepState::kOn);
  EXPECT_EQ(played.switched_on, 1);
  played.Pass(1000);
  EXPECT_EQ(played.switched_on, 1) << "once";
  EXPECT_EQ(played.switched_off, 0);
}

TEST(OneStep, TheTenSecondsAreWithoutABreak) {
  Played played;
  for (int i = 0; i < 10; ++i) {
    played.seen.error = TimeDelta();
    played.Pass(9);
    played.seen.error = OneStep::kNear + kNanosecond;
    played.Pass(0.25);
  }
  EXPECT_EQ(played.switched_on, 0);
  EXPECT_EQ(played.one_step.state(), OneStepState::kSettling);
}

TEST(OneStep, EndsAtOnceWhenThePhcIsFarOrNotKnown) {
  for (const std::optional<TimeDelta> error :
       {std::optional(OneStep::kFar + kNanosecond),
        std::optional(-OneStep::kFar - kNanosecond), std::optional<TimeDelta>()}) {
    Played played = On();
    played.seen.error = OneStep::kFar;
    played.Pass(10);
    ASSERT_TRUE(played.one_step.on()) << "as far as it may";
    played.seen.error = error;
    played.Look();
    EXPECT_EQ(played.switched_off, 1);
    EXPECT_EQ(played.one_step.state(), OneStepState::kSettling);
  }
}

TEST(OneStep, EachTimeItDidNotLastTheWaitIsTwiceAsLongUpToADay) {
  Played played = On();
  for (double wait : {20, 40, 80, 160}) {
    played.seen.error.reset();
    played.Look();
    ASSERT_FALSE(played.one_step.on());
    played.seen.error = TimeDelta();
    played.Look();
    played.Pass(wait - 0.25);
    EXPECT_FALSE(played.one_step.on()) << wait;
    played.Pass(0.5);
    EXPECT_TRUE(played.one_step.on()) << wait;
  }
  // After a day and more of it, all is forgiven.
  played.now = played.now + absl::Hours(25);
  played.seen.error.reset();
  played.Look();
  played.seen.error = TimeDelta();
  played.Pass(11);
  EXPECT_TRUE(played.one_step.on());
}

TEST(OneStep, ACableTakenOutIsNotHeldAgainstThePhc) {
  Played played = On();
  for (int i = 0; i < 5; ++i) {
    played.seen.serves = false;
    played.seen.error.reset();
    played.Look();
    ASSERT_FALSE(played.one_step.on());
    played.seen.serves = true;
    played.seen.error = TimeDelta();
    played.Pass(11);
    EXPECT_TRUE(played.one_step.on());
  }
}

TEST(OneStep, IsNotAskedForWhereNobodyWantsItOrNothingCould) {
  Played off;
  off.one_step = OneStep(false);
  Played software, observed;
  software.seen.hardware = software.seen.on_tai = observed.seen.on_tai = false;
  for (Played* played : {&off, &software, &observed}) played->Pass(100);
  EXPECT_EQ(off.one_step.state(), OneStepState::kOff);
  EXPECT_EQ(software.one_step.state(), OneStepState::kSoftware);
  EXPECT_EQ(observed.one_step.state(), OneStepState::kNotOnTai);
  for (const Played* played : {&off, &software, &observed}) {
    EXPECT_EQ(played->switched_on + played->switched_off, 0);
  }
}

TEST(OneStep, EndsWhenThePhcIsSteeredNoMore) {
  Played played = On();
  played.seen.on_tai = false;
  played.Look();
  EXPECT_EQ(played.switched_off, 1);
  EXPECT_EQ(played.one_step.state(), OneStepState::kNotOnTai);
}

TEST(OneStep, ADriverThatRefusedIsNotAskedAgain) {
  Played played;
  played.can = false;
  played.Pass(10'000);
  EXPECT_EQ(played.switched_on, 1);
  EXPECT_EQ(played.one_step.state(), OneStepState::kRefused);
}

TEST(OneStep, HardwareThatDidNotDoItIsNotTriedAgain) {
  Played played = On();
  played.one_step.OnNotInserted();
  played.Look();
  EXPECT_EQ(played.switched_off, 1);
  played.Pass(10'000);
  EXPECT_EQ(played.one_step.state(), OneStepState::kNotInserted);
  EXPECT_EQ(played.switched_on, 1);
  EXPECT_EQ(played.switched_off, 1);
}

TEST(OneStep, EveryStateHasANameAndASentence) {
  std::set<std::string> names;
  for (const OneStepText& text : OneStepStates()) {
    EXPECT_STREQ(OneStepStateName(text.state), text.name);
    EXPECT_EQ(std::string(text.sentence).back(), '.');
    names.insert(text.name);
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(OneStepState::kOn) + 1);
}

}  // namespace
}  // namespace bridge
