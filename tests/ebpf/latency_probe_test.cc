#include "ebpf/latency_probe.h"

#include <gmock/gmock.h>
#include <net/if.h>

#include <vector>

#include "tests/ebpf/frames.h"

namespace ebpf {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

// What BPF does, tests/system/test_ebpf.py has; here it is not asked for.
LatencyProbe WithoutBpf(std::vector<std::string> interfaces) {
  LatencyProbe::Options options;
  options.interfaces = std::move(interfaces);
  options.highest = Tier::kNone;
  return LatencyProbe(options);
}

std::vector<Record> Drain(LatencyProbe& probe) {
  std::vector<Record> records;
  probe.Drain(100'000'000'000,
              [&](const Record& record) { records.push_back(record); });
  return records;
}

TEST(LatencyProbe, MakesRecordsOfWhatItIsToldWithoutBpf) {
  const uint32_t ifindex = if_nametoindex("lo");
  ASSERT_NE(ifindex, 0u);
  LatencyProbe probe = WithoutBpf({"lo"});
  EXPECT_EQ(probe.tier(), Tier::kNone);
  EXPECT_THAT(probe.refusals(), IsEmpty());
  probe.Note(OwnStamp::Point::kReceived, ifindex, PTP_UDP4, Message(), 7,
             {.hardware = std::nullopt, .software = 5});
  const auto records = Drain(probe);
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_EQ(records[0].key.sequence_id, 772);
  EXPECT_EQ(records[0].key.direction, PTP_RX);
  EXPECT_THAT(records[0].user, Optional(7));
  EXPECT_THAT(records[0].software_stamp, Optional(5));
}

TEST(LatencyProbe, LeavesOtherInterfacesAndWhatIsNoPtp) {
  const uint32_t ifindex = if_nametoindex("lo");
  LatencyProbe probe = WithoutBpf({"lo"});
  probe.Note(OwnStamp::Point::kReceived, ifindex + 1000, PTP_L2, Message(), 7);
  probe.Note(OwnStamp::Point::kReceived, ifindex, PTP_L2, Octets(33), 7);
  probe.Note(OwnStamp::Point::kReceived, ifindex, PTP_L2, {}, 7);
  EXPECT_THAT(Drain(probe), IsEmpty());
  EXPECT_EQ(probe.counters().received, 0u);
}

TEST(LatencyProbe, NamesAnInterfaceThatIsNotThereAndLivesOn) {
  LatencyProbe probe = WithoutBpf({"nosuch0", "lo"});
  ASSERT_THAT(probe.refusals(), SizeIs(1));
  EXPECT_THAT(probe.refusals()[0].text, HasSubstr("nosuch0"));
  probe.Note(OwnStamp::Point::kSent, if_nametoindex("lo"), PTP_L2, Message(), 7);
  EXPECT_THAT(Drain(probe), SizeIs(1));
}

TEST(LatencyProbe, WatchesNoMoreInterfacesThanItCan) {
  LatencyProbe probe =
      WithoutBpf(std::vector<std::string>(PTP_MAX_INTERFACES + 1, "lo"));
  ASSERT_THAT(probe.refusals(), SizeIs(1));
  EXPECT_THAT(probe.refusals()[0].text, HasSubstr("only 8"));
}

TEST(LatencyProbe, GivesADropReasonItsNumberWhereNoNameIsKnown) {
  EXPECT_EQ(WithoutBpf({"lo"}).DropReasonName(6), "6");
}

TEST(LatencyProbe, TiersHaveNames) {
  EXPECT_EQ(TierName(Tier::kNone), "none");
  EXPECT_EQ(TierName(Tier::kTc), "tc");
  EXPECT_EQ(TierName(Tier::kTracepoints), "tracepoints");
  EXPECT_EQ(TierName(Tier::kFentry), "fentry");
}

}  // namespace
}  // namespace ebpf
