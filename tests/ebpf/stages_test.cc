#include "ebpf/stages.h"

#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

namespace ebpf {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Found {
  Stage stage;
  int64_t ns;
  int64_t error_ns = 0;
  friend bool operator==(const Found&, const Found&) = default;
};

// A PHC 1000 s ahead of CLOCK_MONOTONIC, known to 50 ns, on interface 2; CLOCK_REALTIME
// 2000 s ahead, known to 5 ns.
std::optional<Reading> ReadPhc(uint32_t ifindex, int64_t ns) {
  if (ifindex != 2) return std::nullopt;
  return Reading{ns - 1'000'000'000'000, 50};
}
std::optional<Reading> ReadRealtime(int64_t ns) {
  return Reading{ns - 2'000'000'000'000, 5};
}

std::vector<Found> Spans(const Record& record) {
  std::vector<Found> found;
  ForEachSpan(record, {ReadPhc, ReadRealtime}, [&](const Span& span) {
    found.push_back({span.stage, span.ns, span.error_ns});
  });
  return found;
}

Record Received() {
  Record record;
  record.key.direction = PTP_RX;
  record.key.ifindex = 2;
  return record;
}

Record Sent() {
  Record record = Received();
  record.key.direction = PTP_TX;
  return record;
}

TEST(Stages, CutAReceivedMessageFromNicToUser) {
  Record record = Received();
  record.hardware_stamp = 1'000'000'000'000 + 400;
  record.software_stamp = 2'000'000'000'000 + 1010;
  record.driver = 1000;
  record.stack = 1002;
  record.socket = 1005;
  record.user = 1050;
  EXPECT_THAT(
      Spans(record),
      ElementsAre(Found{Stage::kNicToDriver, 600, 50}, Found{Stage::kDriverToStack, 2},
                  Found{Stage::kStackToSocket, 3}, Found{Stage::kSocketToUser, 45},
                  Found{Stage::kReceive, 50}));
}

TEST(Stages, NameWhatSpansAHookThatIsNotThere) {
  Record record = Received();
  record.stack = 1002;
  record.user = 1050;
  EXPECT_THAT(Spans(record),
              ElementsAre(Found{Stage::kStackToUser, 48}, Found{Stage::kReceive, 48}));
}

TEST(Stages, WithoutBpfGoFromTheSoftwareStampToTheUser) {
  Record record = Received();
  record.software_stamp = 2'000'000'000'000 + 1010;
  record.user = 1050;
  EXPECT_THAT(Spans(record), ElementsAre(Found{Stage::kStampToUser, 40, 5}));
}

TEST(Stages, CutASentMessageFromSendToStamp) {
  Record record = Sent();
  record.hardware_stamp = 1'000'000'000'000 + 130;
  record.send = 90;
  record.xmit = 100;
  record.stamp_queued = 150;
  record.stamp_read = 180;
  EXPECT_THAT(
      Spans(record),
      ElementsAre(Found{Stage::kSendToDriver, 10}, Found{Stage::kDriverToNic, 30, 50},
                  Found{Stage::kDriverToStamp, 50}, Found{Stage::kStampToRead, 30},
                  Found{Stage::kTransmit, 80}));
}

TEST(Stages, LeaveOutWhatNeedsAClockThatIsNotKnown) {
  Record record = Sent();
  record.key.ifindex = 3;  // No map of its PHC.
  record.hardware_stamp = 1'000'000'000'000 + 130;
  record.xmit = 100;
  EXPECT_THAT(Spans(record), IsEmpty());
  record.key.ifindex = 2;
  std::vector<Stage> stages;
  ForEachSpan(record, [&](const Span& span) { stages.push_back(span.stage); });
  EXPECT_THAT(stages, IsEmpty());
}

TEST(Stages, HaveANameEach) {
  std::set<std::string> names;
  for (int i = 0; i < kStages; ++i) {
    names.insert(std::string(StageName(static_cast<Stage>(i))));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(kStages));
  EXPECT_EQ(names.count(""), 0u);
}

}  // namespace
}  // namespace ebpf
