// SHM and SOCK sinks through the life of their consumers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include <cstring>

#include "absl/strings/match.h"
#include "bridge/os/shm_sink.h"
#include "bridge/os/sock_sink.h"
#include "bridge/os/unix_address.h"
#include "bridge/refclock/sample_format.h"
#include "shm/segment_reader.h"
#include "tests/os/namespaces.h"
#include "tests/os/scratch_directory.h"

namespace bridge::os {
namespace {

using testing::HasSubstr;
using testing::Optional;

// The reference is 1 ms ahead of the system clock.
RefclockSample SampleAt(int64_t seconds) {
  RefclockSample sample;
  sample.system = UtcTime::FromNanos(seconds * 1'000'000'000);
  sample.reference = sample.system + TimeDelta::FromMillis(1);
  return sample;
}
constexpr int64_t kNow = 1'800'000'000;

MATCHER_P(Says, text, "") { return absl::StrContains(arg.text, text); }

// ---- SHM.

constexpr int kUnit = 2;
constexpr key_t kKey = ntpshm::kBaseKey + kUnit;

// An NTP daemon's side of a unit.
class Consumer {
 public:
  explicit Consumer(size_t size = sizeof(ntpshm::Segment))
      : id_(shmget(kKey, size, IPC_CREAT | 0600)),
        segment_(static_cast<ntpshm::Segment*>(shmat(id_, nullptr, 0))) {
    EXPECT_GE(id_, 0);
  }
  ~Consumer() { shmdt(segment_); }

  std::optional<int64_t> Take() {
    const ntpshm::Reading reading = ntpshm::Read(segment_);
    if (reading.result != ntpshm::ReadResult::kSample) return std::nullopt;
    segment_->valid = 0;
    return reading.sample.receive_seconds;
  }
  void Remove() { shmctl(id_, IPC_RMID, nullptr); }
  ntpshm::Segment& segment() { return *segment_; }
  shmid_ds Info() const {
    shmid_ds info{};
    shmctl(id_, IPC_STAT, &info);
    return info;
  }

 private:
  int id_;
  ntpshm::Segment* segment_;
};

class ShmSinkTest : public NamespaceTest {
 protected:
  // Looks the key up at every sample, so no test waits.
  static std::unique_ptr<ShmSink> Attach(int mode = 0600) {
    auto sink = ShmSink::Attach(kUnit, mode, absl::ZeroDuration());
    EXPECT_TRUE(sink.ok()) << sink.status();
    return sink.ok() ? *std::move(sink) : nullptr;
  }
};

TEST_F(ShmSinkTest, CreatesTheSegmentWithItsModeAndSize) {
  const auto sink = Attach(0640);
  const int id = shmget(kKey, 0, 0);
  ASSERT_GE(id, 0);
  shmid_ds info;
  ASSERT_EQ(shmctl(id, IPC_STAT, &info), 0);
  EXPECT_EQ(info.shm_segsz, sizeof(ntpshm::Segment));
  EXPECT_EQ(info.shm_perm.mode & 0777, 0640);
}

TEST_F(ShmSinkTest, PublishesToAConsumerThatCameFirstOrLater) {
  Consumer first;
  const auto sink = Attach();
  Consumer later;
  sink->Publish(SampleAt(kNow));
  EXPECT_THAT(first.Take(), Optional(kNow));
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_THAT(later.Take(), Optional(kNow + 1));
  EXPECT_EQ(sink->TakeNews(), std::nullopt) << "all is well: nothing to say";
}

TEST_F(ShmSinkTest, WithdrawsAPredecessorsSampleWhenItStarts) {
  Consumer consumer;
  ntpshm::SegmentWriter(&consumer.segment()).Write(ToShmSample(SampleAt(kNow)));
  ASSERT_EQ(consumer.segment().valid, 1);
  const auto sink = Attach();
  EXPECT_EQ(consumer.segment().valid, 0);
}

TEST_F(ShmSinkTest, WithdrawalIsSilenceAtOnce) {
  Consumer consumer;
  const auto sink = Attach();
  sink->Publish(SampleAt(kNow));
  sink->Withdraw();
  EXPECT_EQ(consumer.Take(), std::nullopt);
}

TEST_F(ShmSinkTest, TheEndWithdrawsDetachesAndLeavesTheSegment) {
  Consumer consumer;
  auto sink = Attach();
  sink->Publish(SampleAt(kNow));
  ASSERT_EQ(consumer.segment().valid, 1);
  ASSERT_EQ(consumer.Info().shm_nattch, 2u);
  sink.reset();
  EXPECT_EQ(consumer.segment().valid, 0);
  EXPECT_EQ(consumer.Info().shm_nattch, 1u);
  EXPECT_GE(shmget(kKey, 0, 0), 0);
}

TEST_F(ShmSinkTest, ASmallerSegmentIsRefusedAndNamed) {
  Consumer other(80);
  const auto sink = ShmSink::Attach(kUnit, 0600);
  ASSERT_FALSE(sink.ok());
  EXPECT_THAT(std::string(sink.status().message()), HasSubstr("smaller"));
  EXPECT_THAT(std::string(sink.status().message()), HasSubstr("ipcrm -M 0x4e545032"));
}

TEST_F(ShmSinkTest, ALargerSegmentIsRefusedAndLeftUntouched) {
  Consumer other(128);
  std::memset(&other.segment(), 0x55, sizeof(ntpshm::Segment));
  const auto sink = ShmSink::Attach(kUnit, 0600);
  ASSERT_FALSE(sink.ok());
  EXPECT_THAT(std::string(sink.status().message()), HasSubstr("larger"));
  EXPECT_EQ(other.segment().valid, 0x55555555);
}

TEST_F(ShmSinkTest, AUnitOutOfRangeIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(ShmSink::Attach(-1, 0600).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ShmSink::Attach(218, 0600).status()));
  EXPECT_TRUE(ShmSink::Attach(217, 0600).ok());
}

TEST_F(ShmSinkTest, AnotherUsersSegmentIsRefusedWithAdvice) {
  Consumer root_owned;
  EXPECT_EQ(AsNobody([] {
              const auto sink = ShmSink::Attach(kUnit, 0600);
              return absl::IsPermissionDenied(sink.status()) &&
                             absl::StrContains(sink.status().message(), "run as root")
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(ShmSinkTest, ASegmentThatAnotherUserMadeIsUsedWithAWarning) {
  ASSERT_EQ(AsNobody([] { return shmget(kKey, 96, IPC_CREAT | 0666) >= 0 ? 0 : 1; }),
            0);
  const auto sink = Attach();
  EXPECT_THAT(sink->TakeNews(), Optional(Says("belongs to user 65534")));
  EXPECT_EQ(sink->TakeNews(), std::nullopt);
}

TEST_F(ShmSinkTest, AConsumerRestartedAfterRemovalIsFedAgain) {
  auto old = std::make_unique<Consumer>();
  const auto sink = Attach();
  sink->Publish(SampleAt(kNow));
  old->Remove();
  old.reset();
  Consumer restarted;
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_THAT(restarted.Take(), Optional(kNow + 1));
  EXPECT_THAT(sink->TakeNews(), Optional(Says("was removed")));
}

TEST_F(ShmSinkTest, AConsumerStillAttachedToARemovedSegmentIsFedOn) {
  Consumer consumer;
  const auto sink = Attach();
  consumer.Remove();
  sink->Publish(SampleAt(kNow));
  EXPECT_THAT(consumer.Take(), Optional(kNow));
}

TEST_F(ShmSinkTest, MakesTheSegmentAnewWhenNobodyElseHasTheRemovedOne) {
  const auto sink = Attach();
  ASSERT_EQ(shmctl(shmget(kKey, 0, 0), IPC_RMID, nullptr), 0);
  sink->Publish(SampleAt(kNow));
  ASSERT_GE(shmget(kKey, 0, 0), 0);
  EXPECT_THAT(Consumer().Take(), Optional(kNow));
}

TEST_F(ShmSinkTest, AReplacementOfTheWrongSizeIsReportedOnceAndRecoveredFrom) {
  const auto sink = Attach();
  ASSERT_EQ(shmctl(shmget(kKey, 0, 0), IPC_RMID, nullptr), 0);
  {
    Consumer wrong(80);
    sink->Publish(SampleAt(kNow));
    EXPECT_FALSE(sink->attached());
    EXPECT_THAT(sink->TakeNews(), Optional(Says("smaller")));
    sink->Publish(SampleAt(kNow + 1));
    sink->Withdraw();
    EXPECT_EQ(sink->TakeNews(), std::nullopt);
    wrong.Remove();
  }
  sink->Publish(SampleAt(kNow + 2));
  EXPECT_THAT(Consumer().Take(), Optional(kNow + 2));
}

TEST_F(ShmSinkTest, LooksTheKeyUpAtMostOncePerInterval) {
  auto sink = ShmSink::Attach(kUnit, 0600, absl::Hours(1));
  ASSERT_TRUE(sink.ok());
  ASSERT_EQ(shmctl(shmget(kKey, 0, 0), IPC_RMID, nullptr), 0);
  (*sink)->Publish(SampleAt(kNow));
  EXPECT_LT(shmget(kKey, 0, 0), 0);
}

TEST_F(ShmSinkTest, ASecondWriterIsNoticedAndToldOnce) {
  const auto sink = Attach();
  const auto second = Attach();
  for (int i = 0; i < 3; ++i) {
    sink->Publish(SampleAt(kNow + i));
    second->Publish(SampleAt(kNow + i));
  }
  EXPECT_EQ(sink->foreign_writes(), 2u);
  EXPECT_THAT(sink->TakeNews(), Optional(Says("another program writes SHM unit 2")));
  sink->Publish(SampleAt(kNow + 3));
  EXPECT_EQ(sink->foreign_writes(), 3u);
  EXPECT_EQ(sink->TakeNews(), std::nullopt);
}

TEST_F(ShmSinkTest, GpsdZeroingTheSegmentIsNoticedAndRepaired) {
  Consumer consumer;
  const auto sink = Attach();
  sink->Publish(SampleAt(kNow));
  consumer.segment() = {};
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_EQ(sink->foreign_writes(), 1u);
  EXPECT_EQ(consumer.segment().mode, 1);
  EXPECT_THAT(consumer.Take(), Optional(kNow + 1));
}

TEST_F(ShmSinkTest, ANewConsumerIsNoForeignWriter) {
  Consumer consumer;
  const auto sink = Attach();
  sink->Publish(SampleAt(kNow));
  consumer.segment().precision = -30;  // What ntpsec does when it starts.
  consumer.segment().valid = 0;
  consumer.segment().nsamples = 3;
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_EQ(sink->foreign_writes(), 0u);
}

// ---- SOCK.

class SockSinkTest : public testing::Test {
 protected:
  // chronyd's socket: removes what is there, binds.
  FileDescriptor Chronyd() {
    unlink(path_.c_str());
    FileDescriptor fd = OpenSocket(AF_UNIX, SOCK_DGRAM, 0);
    const auto address = UnixAddress(path_);
    EXPECT_EQ(
        bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address),
        0);
    return fd;
  }
  static std::optional<SockSample> Take(const FileDescriptor& fd) {
    SockSample sample;
    char longer[sizeof sample + 16];
    const ssize_t size = recv(fd.get(), longer, sizeof longer, MSG_DONTWAIT);
    if (size != sizeof sample) return std::nullopt;
    std::memcpy(&sample, longer, sizeof sample);
    return sample;
  }
  std::unique_ptr<SockSink> Open() {
    auto sink = SockSink::Open(path_);
    EXPECT_TRUE(sink.ok()) << sink.status();
    return *std::move(sink);
  }

  ScratchDirectory scratch_;
  std::string path_ = scratch_.path() + "/chrony.ptp.sock";
};

TEST_F(SockSinkTest, SendsWhatChronyExpects) {
  const FileDescriptor chronyd = Chronyd();
  const auto sink = Open();
  EXPECT_FALSE(sink->connected());
  sink->Publish(SampleAt(kNow));
  EXPECT_TRUE(sink->connected());
  const auto sample = Take(chronyd);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->magic, kSockMagic);
  EXPECT_EQ(sample->tv.tv_sec, kNow);
  EXPECT_NEAR(sample->offset, 0.001, 1e-12);
  EXPECT_EQ(sample->pulse, 0);
}

TEST_F(SockSinkTest, ADaemonThatIsNotThereYetIsToldOnceAndFedWhenItComes) {
  const auto sink = Open();
  sink->Publish(SampleAt(kNow));
  EXPECT_FALSE(sink->connected());
  EXPECT_THAT(sink->TakeNews(), Optional(Says("start chronyd")));
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_EQ(sink->TakeNews(), std::nullopt);
  EXPECT_EQ(sink->dropped(), 2u);

  const FileDescriptor chronyd = Chronyd();
  sink->Publish(SampleAt(kNow + 2));
  EXPECT_TRUE(sink->connected());
  EXPECT_THAT(sink->TakeNews(), Optional(Says("takes samples")));
  const auto sample = Take(chronyd);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->tv.tv_sec, kNow + 2) << "old samples are not queued";
  EXPECT_FALSE(Take(chronyd));
}

TEST_F(SockSinkTest, SurvivesARestartOfTheDaemon) {
  FileDescriptor chronyd = Chronyd();
  const auto sink = Open();
  sink->Publish(SampleAt(kNow));
  ASSERT_TRUE(sink->connected());
  chronyd = FileDescriptor();  // Killed: the path stays.
  sink->Publish(SampleAt(kNow + 1));
  EXPECT_FALSE(sink->connected());
  EXPECT_THAT(sink->TakeNews(), Optional(Says("chronyd is not running")));
  chronyd = Chronyd();
  sink->Publish(SampleAt(kNow + 2));
  EXPECT_TRUE(sink->connected());
  EXPECT_TRUE(Take(chronyd));
}

TEST_F(SockSinkTest, AFullQueueDropsInsteadOfBlocking) {
  const FileDescriptor chronyd = Chronyd();  // Reads nothing.
  const auto sink = Open();
  for (int i = 0; i < 1000; ++i) sink->Publish(SampleAt(kNow + i));
  EXPECT_FALSE(sink->connected());
  EXPECT_GT(sink->dropped(), 0u);
  EXPECT_THAT(sink->TakeNews(), Optional(Says("does not read")));
  while (Take(chronyd)) {
  }
  sink->Publish(SampleAt(kNow + 1000));
  EXPECT_TRUE(sink->connected());
}

TEST_F(SockSinkTest, ASocketThatOnlyRootMayWriteIsExplained) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: becomes another user";
  const FileDescriptor chronyd = Chronyd();
  ASSERT_EQ(chmod(path_.c_str(), 0755), 0);
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
  EXPECT_EQ(AsNobody([this] {
              const auto sink = Open();
              sink->Publish(SampleAt(kNow));
              const auto news = sink->TakeNews();
              return news && absl::StrContains(news->text, "CAP_DAC_OVERRIDE") ? 0 : 1;
            }),
            0);
}

TEST_F(SockSinkTest, APathTooLongForASocketIsRefused) {
  EXPECT_TRUE(SockSink::Open("/" + std::string(106, 'x')).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(SockSink::Open("/" + std::string(107, 'x')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(SockSink::Open("").status()));
}

}  // namespace
}  // namespace bridge::os
