#include "bridge/os/drift_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "tests/os/scratch_directory.h"

namespace bridge::os {
namespace {

using testing::HasSubstr;

constexpr std::array<uint8_t, 6> kMac{0xd8, 0x3a, 0xdd, 0x00, 0x01, 0x02};

class DriftFileTest : public testing::Test {
 protected:
  void Put(const std::string& text) { std::ofstream(file_.path()) << text; }

  ScratchDirectory directory_;
  DriftFile file_{directory_.path(), "gem-ptp-timer", kMac};
};

TEST_F(DriftFileTest, WithoutAFileThereIsNothingAndNoError) {
  const auto read = file_.Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(*read);
}

TEST_F(DriftFileTest, WhatWasWrittenLastIsReadToTheUnitOfTheKernel) {
  for (const double ppb : {0.0, -1'234.5678, 20'000.015, 1e6, -1e6}) {
    ASSERT_TRUE(file_.Write({ppb}).ok());
    const auto read = file_.Read();
    ASSERT_TRUE(read.ok() && *read);
    EXPECT_EQ((*read)->Scaled(), SetPhcFrequency{ppb}.Scaled()) << ppb;
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}),
            1)
      << "nothing is left lying about";
}

TEST_F(DriftFileTest, ABrokenFileIsAnErrorThatNamesIt) {
  for (const char* text : {"", "# nothing\n", "1 2\n", "1\n2\n", "twelve\n", "nan\n",
                           "inf\n", "1000001\n", "-1000001\n", "1e400\n"}) {
    Put(text);
    const auto read = file_.Read();
    EXPECT_FALSE(read.ok()) << text;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(file_.path()));
  }
  Put(std::string("12\0 34", 6));
  EXPECT_FALSE(file_.Read().ok());
}

TEST_F(DriftFileTest, ANumberWrittenByHandWillDo) {
  Put("  -12.5\r\n\n# mine\n");
  const auto read = file_.Read();
  ASSERT_TRUE(read.ok() && *read);
  EXPECT_EQ((*read)->ppb, -12.5);
}

TEST_F(DriftFileTest, SomethingElseUnderItsNameIsAnErrorAndNotAWait) {
  ASSERT_EQ(mkfifo(file_.path().c_str(), 0600), 0);
  EXPECT_FALSE(file_.Read().ok());
  std::filesystem::remove(file_.path());
  std::filesystem::create_directory(file_.path());
  EXPECT_FALSE(file_.Read().ok());
  EXPECT_FALSE(file_.Write({1}).ok());
}

TEST_F(DriftFileTest, AFrequencyThatWouldNotBeReadIsNotWritten) {
  ASSERT_TRUE(file_.Write({7}).ok());
  for (const double ppb : {1.1e6, -1.1e6, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(file_.Write({ppb}).ok());
  }
  EXPECT_EQ((*file_.Read())->ppb, 7);
}

TEST_F(DriftFileTest, WithoutADirectoryWritingIsAnErrorAndReadingIsNothing) {
  const DriftFile nowhere(directory_.path() + "/nope", "phc", kMac);
  EXPECT_FALSE(nowhere.Write({1}).ok());
  ASSERT_TRUE(nowhere.Read().ok());
  EXPECT_FALSE(*nowhere.Read());
}

TEST(DriftFile, EachPhcHasItsOwnWhateverItIsCalled) {
  EXPECT_EQ(DriftFile("/d", "gem-ptp-timer", kMac).path(),
            "/d/gem-ptp-timer-d83add000102.drift");
  EXPECT_EQ(DriftFile("/d", "../../etc/x y", kMac).path(),
            "/d/------etc-x-y-d83add000102.drift");
  EXPECT_EQ(DriftFile("/d", "", kMac).path(), "/d/phc-d83add000102.drift");
}

}  // namespace
}  // namespace bridge::os
