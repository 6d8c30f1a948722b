// gnss.gpsd is judged twice: by the option table, which may not use os, and by the
// client of gpsd.
#include <gtest/gtest.h>

#include <string>

#include "bridge/config/option_table.h"
#include "bridge/os/gpsd_client.h"

namespace bridge::os {
namespace {

TEST(GpsdOption, IsTakenExactlyWhereTheClientTakesIt) {
  int good = 0, bad = 0;
  for (const char* host : {"", "h", "localhost", "192.0.2.1", "[", "[::1]", "[]",
                           "[::1", "::1", "[::1]x", "a b"}) {
    for (const char* port : {"", ":", ":1", ":65535", ":0", ":65536", ":+7", ": 7 ",
                             ":gpsd", ":99999999999999999999"}) {
      const std::string longest(128, 'd');
      for (const std::string& device :
           {std::string(), std::string(":"), std::string(":/dev/ttyS0"),
            std::string(":/dev/tty S0"), std::string(":a\"b"), std::string(":a\\b"),
            std::string(":\xc3\xbc"), ":" + longest, ":" + longest + "d",
            std::string(":a:b")}) {
        const std::string place = std::string(host) + port + device;
        if (place.empty()) continue;  // None is asked for.
        Config config;
        const bool option =
            !FindOption("gnss.gpsd")->set(OptionValue{place}, config).has_value();
        EXPECT_EQ(option, ParseGpsdPlace(place).ok()) << place;
        EXPECT_EQ(config.gnss.gpsd, option ? place : "");
        ++(option ? good : bad);
      }
    }
  }
  EXPECT_GT(good, 40);
  EXPECT_GT(bad, 400);
}

}  // namespace
}  // namespace bridge::os
