#include "bridge/estimate/phc_servo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace bridge {
namespace {

using ::testing::DoubleNear;
using ::testing::Field;
using ::testing::Optional;
using ::testing::VariantWith;

// What the kernel takes: 2^-16 ppm.
constexpr double kDial = 1 / 65.536;

PhcServo::Input Off(TimeDelta offset, double ppb = 0, double error = 10) {
  return {.offset = offset, .frequency_ppb = ppb, .frequency_error = error};
}
auto Frequency(double ppb, double within = kDial) {
  return Optional(VariantWith<SetPhcFrequency>(
      Field(&SetPhcFrequency::ppb, DoubleNear(ppb, within))));
}
auto Step(TimeDelta by) {
  return Optional(VariantWith<StepPhc>(Field(&StepPhc::by, by)));
}

// A servo whose start is over.
PhcServo Locked(PhcServo::Settings settings = {}) {
  PhcServo servo(settings);
  servo.Update(Off(TimeDelta()));
  servo.Update(Off(TimeDelta()));
  EXPECT_TRUE(servo.locked());
  return servo;
}

TEST(PhcServo, StepsThenSetsTheRateOnceItIsKnownThenStepsOnceMore) {
  PhcServo servo({});
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromSeconds(-37), 0, 50'000)),
              Step(TimeDelta::FromSeconds(37)));
  EXPECT_EQ(servo.Update(Off(TimeDelta::FromMicros(3), 20'500, 5'000)), std::nullopt);
  EXPECT_EQ(servo.Update(Off(TimeDelta::FromMicros(3), 20'500, 101)), std::nullopt);
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromMicros(5), 20'010, 99)),
              Frequency(-20'010));
  EXPECT_FALSE(servo.locked());
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromMicros(5), 20'010, 80)),
              Step(TimeDelta::FromMicros(-5)));
  EXPECT_TRUE(servo.locked());
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromNanos(-8), 20'010, 80)),
              Frequency(-20'006));
}

TEST(PhcServo, APhcThatIsRightAlreadyIsNotStepped) {
  PhcServo servo({});
  EXPECT_EQ(servo.Update(Off(TimeDelta::FromMicros(19), 500, 50'000)), std::nullopt);
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromNanos(90), 500, 90)), Frequency(-500));
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromNanos(90), 500, 80)), Frequency(-545));
  EXPECT_TRUE(servo.locked());
}

TEST(PhcServo, TakesTheOffsetAwayInATimeConstantOfTwoSeconds) {
  PhcServo servo = Locked();
  const double crystal = 31'234.5;
  double offset_ns = 1'000;
  for (int i = 0; i < 20; ++i) {  // Each 0.1 s.
    const auto command =
        servo.Update(Off(TimeDelta::FromNanosDouble(offset_ns), crystal));
    ASSERT_TRUE(command);
    offset_ns += 0.1 * (crystal + std::get<SetPhcFrequency>(*command).ppb);
  }
  EXPECT_NEAR(offset_ns, 1'000 / std::exp(1), 10);
}

TEST(PhcServo, AsksForNoMoreThanTheDriverAllowsAndForWhatTheKernelTakes) {
  for (const double limit : {500'000., 100'001., 12.3}) {
    PhcServo servo = Locked({.max_ppb = limit});
    for (const double ppb : {1e9, -1e9, 400'000.4, -3.3}) {
      const auto command = servo.Update(Off(TimeDelta(), ppb));
      ASSERT_TRUE(command);
      const SetPhcFrequency dial = std::get<SetPhcFrequency>(*command);
      EXPECT_LE(std::fabs(dial.ppb), limit);
      EXPECT_EQ(dial.ppb, SetPhcFrequency::FromScaled(dial.Scaled()).ppb);
      if (std::fabs(ppb) > limit) {
        EXPECT_NEAR(std::fabs(dial.ppb), limit, kDial);
      }
    }
  }
}

TEST(PhcServo, StepsWhatTheFastestSlewWouldNotMend) {
  PhcServo fast = Locked();
  EXPECT_THAT(fast.Update(Off(TimeDelta::FromMillis(9))), Frequency(-500'000));
  EXPECT_THAT(fast.Update(Off(TimeDelta::FromMillis(11))),
              Step(TimeDelta::FromMillis(-11)));
  PhcServo slow = Locked({.max_ppb = 1'000});
  EXPECT_THAT(slow.Update(Off(TimeDelta::FromMicros(21))),
              Step(TimeDelta::FromMicros(-21)));
}

TEST(PhcServo, BeginsAnewAfterAReset) {
  PhcServo servo = Locked();
  servo.Reset();
  EXPECT_FALSE(servo.locked());
  EXPECT_THAT(servo.Update(Off(TimeDelta::FromMillis(1), 0, 50'000)),
              Step(TimeDelta::FromMillis(-1)));
}

TEST(PhcServo, AnUnknownErrorOfTheRateIsNotASmallOne) {
  PhcServo servo({});
  for (const double error : {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(servo.Update(Off(TimeDelta(), 0, error)), std::nullopt);
  }
}

}  // namespace
}  // namespace bridge
