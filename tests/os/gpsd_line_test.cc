#include "bridge/os/gpsd_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace bridge::os {
namespace {

using testing::Optional;

class GpsdLineTest : public testing::Test {
 protected:
  template <typename Report>
  Report Get(absl::string_view line) {
    const GpsdLine read = reader_.Read(line);
    const auto* report = std::get_if<GnssReport>(&read);
    EXPECT_NE(report, nullptr) << line;
    if (report == nullptr || !std::holds_alternative<Report>(*report)) {
      ADD_FAILURE() << "another report: " << line;
      return Report();
    }
    return std::get<Report>(*report);
  }
  template <typename What>
  bool Is(absl::string_view line) {
    return std::holds_alternative<What>(reader_.Read(line));
  }

  GpsdLineReader reader_;
};

// As gpsd 3.22 (Debian 12) writes it.
constexpr absl::string_view kTpv =
    R"({"class":"TPV","device":"/dev/ttyACM0","status":2,"mode":3,)"
    R"("time":"2026-11-21T12:00:00.250Z","leapseconds":18,"ept":0.005,"lat":46.498,)"
    R"("lon":7.568,"altHAE":1327.7,"altMSL":1342.3,"alt":1342.3,"track":10.3,)"
    R"("ecefx":4356.1,"ecefpAcc":23.5,"velN":-0.03,"geoidSep":-14.7})";

TEST_F(GpsdLineTest, ReadsAFix) {
  const auto fix = Get<GnssFix>(kTpv);
  EXPECT_EQ(fix.device, "/dev/ttyACM0");
  EXPECT_EQ(fix.mode, 3);
  EXPECT_EQ(fix.status, 2);
  EXPECT_THAT(fix.time, Optional(UtcTime::FromNanos(1'795'262'400'250'000'000)));
  EXPECT_THAT(fix.ept, Optional(absl::Milliseconds(5)));
  EXPECT_THAT(fix.leap_seconds, Optional(18));
}

TEST_F(GpsdLineTest, WhatAFixDoesNotSayIsNotZero) {
  const auto fix = Get<GnssFix>(R"({"class":"TPV","device":"/dev/ttyS0","mode":1})");
  EXPECT_EQ(fix.mode, 1);
  EXPECT_EQ(fix.status, 0);
  EXPECT_FALSE(fix.time || fix.ept || fix.leap_seconds);
}

TEST_F(GpsdLineTest, WhatALineSaidIsForgottenWithTheNext) {
  Get<GnssFix>(kTpv);
  const auto fix = Get<GnssFix>(R"({"class":"TPV","device":"/dev/ttyS0"})");
  EXPECT_EQ(fix.mode, 0);
  EXPECT_FALSE(fix.time || fix.leap_seconds);
}

TEST_F(GpsdLineTest, ReadsSatellitesUsed) {
  const auto sky = Get<GnssSky>(
      R"({"class":"SKY","device":"/dev/ttyS0","hdop":0.8,"nSat":2,"uSat":1,)"
      R"("satellites":[{"PRN":1,"gnssid":0,"svid":1,"used":true,"uSat":7,"mode":"x"},)"
      R"({"PRN":2,"el":null,"used":false,"time":3,"deep":[[[{"class":1}]]]}]})");
  EXPECT_EQ(sky.device, "/dev/ttyS0");
  EXPECT_THAT(sky.used, Optional(1));
  EXPECT_FALSE(
      Get<GnssSky>(R"({"class":"SKY","device":"/dev/ttyS0","hdop":1.2})").used);
}

TEST_F(GpsdLineTest, ReadsAPulse) {
  const auto pulse = Get<GnssPulse>(
      R"({"class":"PPS","device":"/dev/pps0","real_sec":1795262401,"real_nsec":0,)"
      R"("clock_sec":1795262400,"clock_nsec":999999750,"precision":-20,"shm":"NTP2"})");
  EXPECT_EQ(pulse.device, "/dev/pps0");
  EXPECT_EQ(pulse.real, UtcTime::FromNanos(1'795'262'401'000'000'000));
  EXPECT_EQ(pulse.clock - pulse.real, TimeDelta::FromNanos(-250));
}

TEST_F(GpsdLineTest, ADeviceWithoutATimeOfActivationIsInactive) {
  EXPECT_TRUE(Get<GnssDevice>(R"({"class":"DEVICE","path":"/dev/ttyS0",)"
                              R"("activated":"2026-11-21T12:00:00.000Z","bps":9600})")
                  .active);
  EXPECT_TRUE(
      Get<GnssDevice>(R"({"class":"DEVICE","path":"/dev/ttyS0","activated":17.5})")
          .active);
  const auto gone =
      Get<GnssDevice>(R"({"class":"DEVICE","path":"/dev/ttyS0","activated":0})");
  EXPECT_FALSE(gone.active);
  EXPECT_EQ(gone.device, "/dev/ttyS0");
  EXPECT_FALSE(Get<GnssDevice>(R"({"class":"DEVICE","path":"/dev/ttyS0"})").active);
}

TEST_F(GpsdLineTest, ReadsTheGreetingAndErrors) {
  const GpsdLine greeting = reader_.Read(
      R"({"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14})");
  ASSERT_TRUE(std::holds_alternative<GpsdVersion>(greeting));
  EXPECT_EQ(std::get<GpsdVersion>(greeting).release, "3.22");
  EXPECT_EQ(std::get<GpsdVersion>(greeting).protocol, 3);
  const GpsdLine error =
      reader_.Read(R"({"class":"ERROR","message":"no such device"})");
  ASSERT_TRUE(std::holds_alternative<GpsdError>(error));
  EXPECT_EQ(std::get<GpsdError>(error).message, "no such device");
}

TEST_F(GpsdLineTest, OtherClassesAreNoneOfOurBusinessWhateverTheirKeysMean) {
  for (const char* line :
       {R"({"class":"WATCH","enable":true,"json":true,"device":"x"})",
        R"({"class":"RAW","device":"/dev/ttyS0","time":1795262400,"nsec":5})",
        R"({"class":"AIS","mode":"auto","status":-4,"path":[]})",
        R"({"class":"TOFF","device":"/dev/ttyS0","real_sec":1,"real_nsec":0})",
        R"({"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/ttyS0"}]})",
        R"({"class":"FUTURE","ept":"soon"})"}) {
    EXPECT_TRUE(Is<GpsdOther>(line)) << line;
  }
}

TEST_F(GpsdLineTest, WhatIsNotOneWholeObjectIsUnreadable) {
  const std::string whole(kTpv);
  ASSERT_FALSE(Is<GpsdUnreadable>(whole));
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_TRUE(Is<GpsdUnreadable>(whole.substr(0, cut))) << cut;
  }
  for (const std::string& line :
       {whole + whole, whole + "x", "[" + whole + "]", std::string("\"TPV\""),
        std::string("3"), std::string("null"), std::string("{}"), std::string("[]"),
        std::string(1000, '['), std::string(1000, '{'), whole + '\0',
        std::string("{\"class\":\"TPV\",\"device\":\"\xff\",\"mode\":3}"),
        std::string("$GPRMC,120000.00,A*00")}) {
    EXPECT_TRUE(Is<GpsdUnreadable>(line)) << line;
  }
}

TEST_F(GpsdLineTest, ValuesThatCannotBeMakeALineUnreadable) {
  const std::string head = R"({"class":"TPV","device":"/dev/ttyS0","mode":3)";
  ASSERT_FALSE(Is<GpsdUnreadable>(head + "}"));
  for (const char* rest : {R"(,"mode":4)",
                           R"(,"mode":-1)",
                           R"(,"mode":"3")",
                           R"(,"mode":3.0)",
                           R"(,"mode":null)",
                           R"(,"mode":[3])",
                           R"(,"mode":{})",
                           R"(,"mode":true)",
                           R"(,"mode":18446744073709551619)",
                           R"(,"mode":1e999)",
                           R"(,"status":-1)",
                           R"(,"ept":-1)",
                           R"(,"ept":"0.1")",
                           R"(,"ept":null)",
                           R"(,"leapseconds":-18)",
                           R"(,"leapseconds":99999999999)",
                           R"(,"time":1795262400.5)",
                           R"(,"time":"soon")",
                           R"(,"time":"infinite-future")",
                           R"(,"time":"1969-12-31T23:59:59Z")",
                           R"(,"time":"9999-01-01T00:00:00Z")",
                           R"(,"device":5)",
                           R"(,"device":"")"}) {
    EXPECT_TRUE(Is<GpsdUnreadable>(head + rest + "}")) << rest;
  }
  EXPECT_TRUE(Is<GpsdUnreadable>(R"({"class":"TPV","mode":3})"));
  EXPECT_TRUE(Is<GpsdUnreadable>(R"({"class":5,"device":"/dev/ttyS0"})"));
  EXPECT_TRUE(Is<GpsdUnreadable>(R"({"class":"TPV","device":")" +
                                 std::string(257, 'a') + R"(","mode":3})"));
  const std::string pulse =
      R"({"class":"PPS","device":"/dev/pps0","real_sec":1,"real_nsec":0,"clock_sec":1)";
  EXPECT_FALSE(Is<GpsdUnreadable>(pulse + R"(,"clock_nsec":0})"));
  EXPECT_TRUE(Is<GpsdUnreadable>(pulse + "}"));
  EXPECT_TRUE(Is<GpsdUnreadable>(pulse + R"(,"clock_nsec":1000000000})"));
}

}  // namespace
}  // namespace bridge::os
