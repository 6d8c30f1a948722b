#include "bridge/os/fed_marker.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace bridge::os {
namespace {

class FedMarkerTest : public ::testing::Test {
 protected:
  FedMarkerTest() { directory_ = mkdtemp(pattern_); }
  ~FedMarkerTest() override { std::filesystem::remove_all(directory_); }
  std::string Socket() const { return absl::StrCat(directory_, "/status.sock"); }

  char pattern_[32] = "/tmp/fed-marker-XXXXXX";
  std::string directory_;
};

TEST_F(FedMarkerTest, IsRememberedByALaterRun) {
  EXPECT_FALSE(FedMarker(Socket()).IsSet());
  FedMarker first(Socket());
  first.Set();
  first.Set();
  EXPECT_TRUE(FedMarker(Socket()).IsSet());
}

TEST_F(FedMarkerTest, WithoutADirectoryNobodyKnowsSoItMayBe) {
  EXPECT_TRUE(FedMarker(absl::StrCat(directory_, "/none/status.sock")).IsSet());
}

TEST_F(FedMarkerTest, AnOddPathIsNoCrash) {
  for (const char* path : {"", "status.sock", "/status.sock"}) {
    (void)FedMarker(path).IsSet();
  }
}

}  // namespace
}  // namespace bridge::os
