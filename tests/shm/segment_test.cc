// The writer and the reader against each other and against what other programs
// do to a segment.
#include <gtest/gtest.h>

#include <climits>
#include <cstring>
#include <functional>
#include <thread>

#include "shm/segment_reader.h"
#include "shm/segment_writer.h"

namespace ntpshm {
namespace {

constexpr Sample kSample{.clock_seconds = 1'800'000'000,
                         .clock_nanos = 123'456'999,
                         .receive_seconds = 1'800'000'001,
                         .receive_nanos = 999'999'999,
                         .leap = 1,
                         .precision = -21};

Segment Written() {
  Segment segment{};
  SegmentWriter(&segment).Write(kSample);
  return segment;
}

TEST(SegmentWriter, WritesASampleThatReadsBackTheSame) {
  const Segment segment = Written();
  const Reading reading = Read(&segment);
  ASSERT_EQ(reading.result, ReadResult::kSample);
  EXPECT_TRUE(reading.has_nanoseconds);
  EXPECT_EQ(reading.mode, 1);
  EXPECT_EQ(reading.sample.clock_seconds, kSample.clock_seconds);
  EXPECT_EQ(reading.sample.clock_nanos, kSample.clock_nanos);
  EXPECT_EQ(reading.sample.receive_seconds, kSample.receive_seconds);
  EXPECT_EQ(reading.sample.receive_nanos, kSample.receive_nanos);
  EXPECT_EQ(reading.sample.leap, kSample.leap);
  EXPECT_EQ(reading.sample.precision, kSample.precision);
}

TEST(SegmentWriter, TruncatesMicrosecondsInsteadOfRounding) {
  const Segment segment = Written();
  EXPECT_EQ(segment.clockTimeStampUSec, 123'456);
  EXPECT_EQ(segment.receiveTimeStampUSec, 999'999);
}

TEST(SegmentWriter, CountIsEvenAfterEveryWriteAndMovesByTwo) {
  Segment segment{};
  SegmentWriter writer(&segment);
  for (int i = 1; i <= 5; ++i) {
    writer.Write(kSample);
    EXPECT_EQ(segment.count, 2 * i);
    EXPECT_EQ(segment.valid, 1);
  }
}

TEST(SegmentWriter, MovesAnOddCountThatACrashedWriterLeft) {
  Segment segment{};
  segment.count = 7;
  SegmentWriter(&segment).Write(kSample);
  EXPECT_EQ(segment.count, 10);  // 9 during the write: a reader at 7 notices.
}

TEST(SegmentWriter, CountWrapsAround) {
  Segment segment{};
  segment.count = INT_MAX - 1;
  SegmentWriter(&segment).Write(kSample);
  EXPECT_EQ(segment.count, INT_MIN);
  segment.count = -2;
  SegmentWriter(&segment).Write(kSample);
  EXPECT_EQ(segment.count, 0);
}

TEST(SegmentWriter, RestoresModeAndReservedFieldsWhateverStoodThere) {
  Segment segment;
  std::memset(&segment, 0xa5, sizeof segment);
  SegmentWriter(&segment).Write(kSample);
  EXPECT_EQ(segment.mode, 1);
  for (const int reserved : segment.dummy) EXPECT_EQ(reserved, 0);
}

TEST(SegmentWriter, ConstructionWritesNothing) {
  Segment segment{};
  segment.valid = 1;
  SegmentWriter writer(&segment);
  EXPECT_EQ(segment.valid, 1);
  EXPECT_FALSE(writer.ForeignWriteSeen());
}

TEST(SegmentWriter, WithdrawingClearsValidAndNothingElse) {
  Segment segment = Written();
  const Segment before = segment;
  SegmentWriter(&segment).Withdraw();
  EXPECT_EQ(segment.valid, 0);
  segment.valid = before.valid;
  EXPECT_EQ(std::memcmp(&segment, &before, sizeof segment), 0);
}

// ---- ForeignWriteSeen.

TEST(ForeignWriteSeen, IsFalseForOurOwnWritesAndWhatReadersDo) {
  Segment segment{};
  SegmentWriter writer(&segment);
  writer.Write(kSample);
  EXPECT_FALSE(writer.ForeignWriteSeen());
  segment.valid = 0;        // A reader has taken the sample.
  segment.precision = -30;  // ntpsec has started.
  segment.nsamples = 3;
  EXPECT_FALSE(writer.ForeignWriteSeen());
  writer.Withdraw();
  EXPECT_FALSE(writer.ForeignWriteSeen());
}

struct Meddling {
  const char* name;
  std::function<void(Segment&)> act;
};
class ForeignWrite : public testing::TestWithParam<Meddling> {};

TEST_P(ForeignWrite, IsSeenAfterAWriteAndForgottenAtTheNext) {
  Segment segment{};
  SegmentWriter writer(&segment);
  writer.Write(kSample);
  ASSERT_FALSE(writer.ForeignWriteSeen());
  GetParam().act(segment);
  EXPECT_TRUE(writer.ForeignWriteSeen());
  writer.Write(kSample);
  EXPECT_FALSE(writer.ForeignWriteSeen());
}

TEST_P(ForeignWrite, IsSeenAfterAWithdrawal) {
  Segment segment{};
  segment.count = 4;
  segment.receiveTimeStampNSec = 17;
  SegmentWriter writer(&segment);
  writer.Write(kSample);
  writer.Withdraw();
  ASSERT_FALSE(writer.ForeignWriteSeen());
  GetParam().act(segment);
  EXPECT_TRUE(writer.ForeignWriteSeen());
}

INSTANTIATE_TEST_SUITE_P(
    Of, ForeignWrite,
    testing::Values(Meddling{"AnotherSegmentWriter",
                             [](Segment& s) {
                               Sample other = kSample;
                               other.clock_nanos = 5;
                               SegmentWriter(&s).Write(other);
                             }},
                    Meddling{"GpsdZeroingTheSegment",
                             [](Segment& s) { std::memset(&s, 0, sizeof s); }},
                    Meddling{"CountOnly", [](Segment& s) { s.count += 2; }},
                    Meddling{"ModeOnly", [](Segment& s) { s.mode = 0; }},
                    Meddling{"AModeZeroWriter",
                             [](Segment& s) {
                               s.receiveTimeStampSec += 1;
                               s.valid = 1;
                             }},
                    Meddling{"AStampOnly",
                             [](Segment& s) { s.receiveTimeStampUSec -= 1; }}),
    [](const auto& test) { return test.param.name; });

TEST(ForeignWriteSeen, SeesValidComingBackAfterAWithdrawal) {
  Segment segment{};
  SegmentWriter writer(&segment);
  writer.Write(kSample);
  writer.Withdraw();
  segment.valid = 1;
  EXPECT_TRUE(writer.ForeignWriteSeen());
}

// ---- The reader on whatever may stand there.

struct Content {
  const char* name;
  std::function<void(Segment&)> change;
  ReadResult result;
  bool has_nanoseconds = false;
};
class ReaderOn : public testing::TestWithParam<Content> {};

TEST_P(ReaderOn, GivesTheNamedResultAndLeavesTheSegmentAlone) {
  Segment segment = Written();
  ASSERT_EQ(Read(&segment).result, ReadResult::kSample);
  GetParam().change(segment);
  const Segment before = segment;
  const Reading reading = Read(&segment);
  EXPECT_EQ(reading.result, GetParam().result);
  EXPECT_EQ(reading.has_nanoseconds, GetParam().has_nanoseconds);
  EXPECT_EQ(reading.valid, before.valid != 0);
  EXPECT_EQ(reading.mode, before.mode);
  EXPECT_EQ(reading.count, before.count);
  EXPECT_EQ(std::memcmp(&segment, &before, sizeof segment), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Content, ReaderOn,
    testing::Values(
        Content{"AGoodSample", [](Segment&) {}, ReadResult::kSample, true},
        Content{"ModeZero", [](Segment& s) { s.mode = 0; }, ReadResult::kSample, true},
        Content{"NotValid", [](Segment& s) { s.valid = 0; }, ReadResult::kNotValid},
        Content{"NotValidAndBadMode", [](Segment& s) { s.valid = 0, s.mode = 9; },
                ReadResult::kNotValid},
        Content{"Zeroes", [](Segment& s) { s = {}; }, ReadResult::kNotValid},
        Content{"ValidOtherThanOne", [](Segment& s) { s.valid = -1; },
                ReadResult::kSample, true},
        Content{"ModeTwo", [](Segment& s) { s.mode = 2; }, ReadResult::kBadMode},
        Content{"ModeNegative", [](Segment& s) { s.mode = -1; }, ReadResult::kBadMode},
        Content{"AMillionMicroseconds",
                [](Segment& s) { s.clockTimeStampUSec = 1'000'000; },
                ReadResult::kMalformed},
        Content{"NegativeMicroseconds",
                [](Segment& s) { s.receiveTimeStampUSec = INT_MIN; },
                ReadResult::kMalformed},
        Content{"LeapFour", [](Segment& s) { s.leap = 4; }, ReadResult::kMalformed},
        Content{"LeapNegative", [](Segment& s) { s.leap = -1; },
                ReadResult::kMalformed},
        Content{"LeapNotSynchronised", [](Segment& s) { s.leap = 3; },
                ReadResult::kSample, true},
        Content{"OnlyMicroseconds",
                [](Segment& s) { s.clockTimeStampNSec = s.receiveTimeStampNSec = 0; },
                ReadResult::kSample},
        Content{"NanosecondsOfOneStampOnly",
                [](Segment& s) { s.clockTimeStampNSec = 0; }, ReadResult::kSample},
        Content{"RoundedMicroseconds", [](Segment& s) { s.clockTimeStampUSec += 1; },
                ReadResult::kSample},
        Content{"WildNanoseconds", [](Segment& s) { s.clockTimeStampNSec = UINT_MAX; },
                ReadResult::kSample}),
    [](const auto& test) { return test.param.name; });

TEST(SegmentReader, FallsBackToMicrosecondsForBothStamps) {
  Segment segment = Written();
  segment.clockTimeStampNSec = 0;
  const Reading reading = Read(&segment);
  ASSERT_EQ(reading.result, ReadResult::kSample);
  EXPECT_EQ(reading.sample.clock_nanos, 123'456'000u);
  EXPECT_EQ(reading.sample.receive_nanos, 999'999'000u);
}

// ---- Both at once. Every field of sample n follows from n, so half of one
// sample and half of another cannot pass for a sample.

Sample Numbered(uint32_t n) {
  return {.clock_seconds = n,
          .clock_nanos = n % 1'000'000'000,
          .receive_seconds = n + 1,
          .receive_nanos = (n * 7) % 1'000'000'000,
          .leap = static_cast<int>(n % 3),
          .precision = -static_cast<int>(n % 31)};
}

bool Whole(const Sample& sample) {
  const Sample want = Numbered(static_cast<uint32_t>(sample.clock_seconds));
  return sample.clock_nanos == want.clock_nanos &&
         sample.receive_seconds == want.receive_seconds &&
         sample.receive_nanos == want.receive_nanos && sample.leap == want.leap &&
         sample.precision == want.precision;
}

TEST(SegmentUnderStress, TheReaderNeverSeesHalfASample) {
  constexpr uint32_t kWrites = 400'000;
  Segment segment{};
  std::atomic<bool> writing = true;
  std::atomic<int> distinct = 0;
  std::thread other([&] {
    SegmentWriter writer(&segment);
    // On a busy machine the reader may not run at all meanwhile: until it has.
    for (uint32_t n = 1; n <= kWrites || distinct <= 10; ++n) {
      writer.Write(Numbered(n));
      if (n % 1024 == 0) std::this_thread::yield();
    }
    writing = false;
  });
  int torn = 0, samples = 0, others = 0;
  int64_t last = 0;
  do {
    const Reading reading = Read(&segment);
    if (reading.result == ReadResult::kSample) {
      torn += !Whole(reading.sample);
      distinct += reading.sample.clock_seconds != last;
      last = reading.sample.clock_seconds;
      ++samples;
    } else {
      EXPECT_TRUE(reading.result == ReadResult::kClash ||
                  reading.result == ReadResult::kNotValid);
      ++others;
    }
  } while (writing);
  other.join();
  EXPECT_EQ(torn, 0);
  RecordProperty("samples", samples);
  RecordProperty("clashes", others);
}

}  // namespace
}  // namespace ntpshm
