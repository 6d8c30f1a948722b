#include "bridge/os/phc_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bridge/os/clocks.h"
#include "bridge/os/phc_reading.h"
#include "tests/os/phc_lab.h"

namespace bridge::os {
namespace {

using testing::HasSubstr;

TEST(PhcDevice, ADeviceThatDoesNotExistIsNotFoundAndNamed) {
  const auto phc = PhcDevice::Open("/dev/ptp987");
  EXPECT_TRUE(absl::IsNotFound(phc.status()));
  EXPECT_THAT(std::string(phc.status().message()), HasSubstr("/dev/ptp987"));
}

TEST(PhcDevice, AnotherDeviceIsRefused) {
  const auto phc = PhcDevice::Open("/dev/null");
  EXPECT_TRUE(absl::IsInvalidArgument(phc.status()));
  EXPECT_THAT(std::string(phc.status().message()), HasSubstr("no PTP hardware clock"));
}

// ---- In the virtual machine.

class PhcDeviceLab : public PhcLab {
 protected:
  // PHC - CLOCK_REALTIME.
  TimeDelta Offset() {
    const auto reading = phc1_->Read();
    EXPECT_TRUE(reading.ok()) << reading.status();
    if (!reading.ok()) return {};
    return reading->local.SinceEpoch() - reading->system.SinceEpoch();
  }
  void TearDown() override {
    if (phc1_ != nullptr) {
      EXPECT_TRUE(phc1_->Adjust(SetPhcFrequency{0}).ok());
    }
  }
};

TEST_F(PhcDeviceLab, KnowsItself) {
  EXPECT_GE(phc1_->index(), 0);
  EXPECT_EQ(phc1_->device(), "/dev/ptp" + std::to_string(phc1_->index()));
  EXPECT_FALSE(phc1_->clock_name().empty());
  EXPECT_GT(phc1_->max_adj_ppb(), 10'000);
  EXPECT_TRUE(phc1_->writable());
  EXPECT_EQ(phc1_->virtual_clocks(), 0);
}

TEST_F(PhcDeviceLab, IsReadByTheBestMethodThatItsDriverHas) {
  for (int i = 0; i < 20; ++i) {
    const UtcTime before = PairReader().Read().system;
    const auto reading = phc1_->Read();
    const UtcTime after = PairReader().Read().system;
    ASSERT_TRUE(reading.ok()) << reading.status();
    EXPECT_GE(reading->system, before - TimeDelta::FromMicros(1));
    EXPECT_LE(reading->system, after + TimeDelta::FromMicros(1));
    EXPECT_LE(reading->window, after - before + kPreciseWindow);
  }
  const bool cross = Shell("grep -qs Y /sys/module/phcpair/parameters/cross");
  EXPECT_STREQ(PhcMethodName(phc1_->method()), cross ? "precise" : "extended");
  EXPECT_LT(phc1_->cost(), absl::Milliseconds(10));
  EXPECT_GE(phc1_->readings_per_sample(), 1);
  EXPECT_LE(phc1_->readings_per_sample(), 10);
  EXPECT_EQ(phc1_->read_errors(), 0u);
  RecordProperty("cost_ns", static_cast<int>(absl::ToInt64Nanoseconds(phc1_->cost())));
  RecordProperty("readings", phc1_->readings_per_sample());
}

TEST_F(PhcDeviceLab, StepsForwardAndBackByWhatWasAsked) {
  // Seconds and nanoseconds, both signs; in between the two clocks drift a little.
  constexpr int64_t kSteps[] = {37'000'000'000, -37'000'000'000, 1'500'000'000,
                                -1'500'000'000, 250'000'000,     -250'000'000};
  for (const int64_t nanos : kSteps) {
    const TimeDelta before = Offset();
    const auto applied = phc1_->Adjust(StepPhc{TimeDelta::FromNanos(nanos)});
    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_EQ(std::get<StepPhc>(*applied).by, TimeDelta::FromNanos(nanos));
    const TimeDelta stepped = Offset() - before;
    EXPECT_LT((stepped - TimeDelta::FromNanos(nanos)).Abs(), TimeDelta::FromMillis(20));
  }
}

TEST_F(PhcDeviceLab, RunsAtTheFrequencyThatWasDialled) {
  const auto slow = phc1_->Adjust(SetPhcFrequency{-50'000'000});
  ASSERT_TRUE(slow.ok()) << slow.status();
  const auto first = phc1_->Read();
  usleep(300'000);
  const auto second = phc1_->Read();
  ASSERT_TRUE(first.ok() && second.ok());
  const double phc = (second->local - first->local).NanosDouble();
  const double system = (second->system - first->system).NanosDouble();
  const double error = (first->window + second->window).NanosDouble() / system * 1e9;
  EXPECT_NEAR((phc / system - 1) * 1e9, std::get<SetPhcFrequency>(*slow).ppb,
              error + 1'000'000);
  const auto read = phc1_->ReadFrequency();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Scaled(), SetPhcFrequency{-50'000'000}.Scaled());
}

TEST_F(PhcDeviceLab, TakesItsLargestFrequencyAndNoMore) {
  for (const double sign : {-1.0, 1.0}) {
    const auto applied = phc1_->Adjust(SetPhcFrequency{sign * 1e10});
    ASSERT_TRUE(applied.ok()) << applied.status();
    const double ppb = std::get<SetPhcFrequency>(*applied).ppb;
    EXPECT_NEAR(ppb, sign * phc1_->max_adj_ppb(), 1);
    EXPECT_EQ(phc1_->ReadFrequency()->Scaled(), SetPhcFrequency{ppb}.Scaled());
  }
}

TEST_F(PhcDeviceLab, WithVirtualClocksItSaysWhyItCannotBeAdjusted) {
  const std::string file =
      "/sys/class/ptp/ptp" + std::to_string(phc1_->index()) + "/n_vclocks";
  if (!Shell("echo 1 2>/dev/null > " + file)) GTEST_SKIP() << "no virtual clocks";
  EXPECT_EQ(phc1_->virtual_clocks(), 1);
  const auto applied = phc1_->Adjust(SetPhcFrequency{1});
  EXPECT_TRUE(absl::IsFailedPrecondition(applied.status()));
  EXPECT_THAT(std::string(applied.status().message()), HasSubstr("virtual clocks"));
  EXPECT_TRUE(phc1_->Read().ok());
  EXPECT_FALSE(phc1_->is_virtual());
  // The newest of all clocks is the virtual one.
  int newest = phc1_->index();
  for (int i = 0; i < 10; ++i) {
    if (access(("/sys/class/ptp/ptp" + std::to_string(i)).c_str(), F_OK) == 0)
      newest = i;
  }
  ASSERT_NE(newest, phc1_->index());
  const auto above = PhcDevice::Open("/dev/ptp" + std::to_string(newest));
  ASSERT_TRUE(above.ok()) << above.status();
  EXPECT_TRUE((*above)->is_virtual()) << (*above)->clock_name();
  EXPECT_TRUE((*above)->Read().ok());
  ASSERT_TRUE(Shell("echo 0 > " + file));
  EXPECT_EQ(phc1_->virtual_clocks(), 0);
}

TEST_F(PhcDeviceLab, WhereWritingIsNotAllowedItIsReadAndTheRestIsSaid) {
  ASSERT_TRUE(Shell("chmod 0644 " + phc1_->device()));
  const std::string device = phc1_->device();
  EXPECT_EQ(AsNobody([&device] {
              const auto phc = PhcDevice::Open(device);
              if (!phc.ok() || (*phc)->writable()) return 1;
              if (!(*phc)->Read().ok()) return 2;
              const auto applied = (*phc)->Adjust(SetPhcFrequency{1});
              return absl::IsPermissionDenied(applied.status()) ? 0 : 3;
            }),
            0);
  ASSERT_TRUE(Shell("chmod 0600 " + device));
}

}  // namespace
}  // namespace bridge::os
