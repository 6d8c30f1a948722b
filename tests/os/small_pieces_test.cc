// Clocks, instance lock, signals, leap file, log lines, error texts.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "bridge/os/clocks.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/instance_lock.h"
#include "bridge/os/leap_file.h"
#include "bridge/os/log_writer.h"
#include "bridge/os/signals.h"
#include "bridge/os/trace_file.h"
#include "tests/os/namespaces.h"
#include "tests/os/scratch_directory.h"

namespace bridge::os {
namespace {

using testing::HasSubstr;

// ---- Clocks.

TEST(Clocks, APairIsBetweenItsNeighbours) {
  timespec before, after;
  clock_gettime(CLOCK_REALTIME, &before);
  const CrossTimestamp<Raw> pair = PairReader().Read();
  clock_gettime(CLOCK_REALTIME, &after);
  EXPECT_GE(pair.system.Nanos(), before.tv_sec * 1'000'000'000 + before.tv_nsec);
  EXPECT_LE(pair.system.Nanos(), after.tv_sec * 1'000'000'000 + after.tv_nsec);
  EXPECT_GE(pair.window, TimeDelta());
  EXPECT_LT(pair.window, TimeDelta::FromMillis(1));
}

TEST(Clocks, TwoPairsAgreeWithinTheirWindows) {
  const CrossTimestamp<Raw> a = PairReader().Read();
  const CrossTimestamp<Raw> b = PairReader().Read();
  const TimeDelta moved = (b.local - a.local) - (b.system - a.system);
  // A clock that is being slewed by 500 ppm for the microseconds in between.
  const TimeDelta slack = TimeDelta::FromMicros(1);
  EXPECT_LE(moved.Abs(), a.window.Half() + b.window.Half() + slack);
}

TEST(Clocks, MonotonicGoesForward) {
  const MonoTime first = MonoNow();
  EXPECT_GE(MonoNow(), first);
}

TEST(Clocks, KernelClockIsReadAndNotSet) {
  const auto clock = ReadKernelClock();
  ASSERT_TRUE(clock.ok()) << clock.status();
  EXPECT_GE(clock->max_error, TimeDelta());
  EXPECT_GE(clock->tai_offset, 0);
  ASSERT_TRUE(clock->discipline);
  EXPECT_GE(clock->discipline->estimated_error, TimeDelta());
  EXPECT_LE(std::abs(clock->discipline->frequency), int64_t{500} << 16);  // 500 ppm
}

TEST(Clocks, SuspensionIsNotNegativeAndSteadyWhileAwake) {
  const auto first = SuspendedFor();
  if (!first) GTEST_SKIP() << "no CLOCK_BOOTTIME here";
  EXPECT_GE(*first, absl::ZeroDuration());
  EXPECT_LT(absl::AbsDuration(*SuspendedFor() - *first), absl::Milliseconds(1));
}

// ---- Instance lock.

class InstanceLockTest : public NamespaceTest {};

TEST_F(InstanceLockTest, ASecondInstanceLearnsWhoHoldsTheInterface) {
  const auto first = InstanceLock::Acquire("eth0");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = InstanceLock::Acquire("eth0");
  ASSERT_TRUE(absl::IsAlreadyExists(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("eth0"));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("process " + std::to_string(getpid())));
}

TEST_F(InstanceLockTest, InterfacesAreIndependent) {
  const auto first = InstanceLock::Acquire("eth0");
  EXPECT_TRUE(InstanceLock::Acquire("eth1").ok());
  EXPECT_TRUE(InstanceLock::Acquire("eth00").ok());
  EXPECT_TRUE(first.ok());
}

TEST_F(InstanceLockTest, IsFreeAgainWhenItsHolderEnds) {
  { ASSERT_TRUE(InstanceLock::Acquire("eth0").ok()); }
  EXPECT_TRUE(InstanceLock::Acquire("eth0").ok());
}

TEST_F(InstanceLockTest, NetworkNamespacesAreIndependent) {
  const auto first = InstanceLock::Acquire("eth0");
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  EXPECT_TRUE(InstanceLock::Acquire("eth0").ok());
}

// ---- Signals: in a child, since the flags stay set.

TEST(Signals, AreFlagsAndWakePoll) {
  const pid_t child = fork();
  if (child == 0) {
    InstallSignalHandlers();
    bool good = !StopRequested() && !TakeReloadRequest();
    raise(SIGPIPE);
    raise(SIGHUP);
    raise(SIGHUP);
    good = good && TakeReloadRequest() && !TakeReloadRequest() && !StopRequested();
    raise(SIGTERM);
    good = good && StopRequested() && StopRequested();
    // poll() is not restarted.
    itimerval soon{{0, 0}, {0, 20'000}};
    signal(SIGALRM, SIG_IGN);
    struct sigaction stop {};
    sigaction(SIGTERM, nullptr, &stop);
    sigaction(SIGALRM, &stop, nullptr);
    setitimer(ITIMER_REAL, &soon, nullptr);
    good = good && poll(nullptr, 0, 900) < 0 && errno == EINTR;
    _exit(good ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// ---- Leap file.

class LeapFileTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    const std::string fresh = path_ + ".new";
    std::ofstream(fresh) << text;
    rename(fresh.c_str(), path_.c_str());  // As a package manager does.
  }

  ScratchDirectory scratch_;
  std::string path_ = scratch_.path() + "/leap-seconds.list";
};

TEST_F(LeapFileTest, IsReadAgainOnlyWhenItChanges) {
  Write("nonsense\n");
  LeapFile file(path_);
  EXPECT_TRUE(file.ReadIfChanged());
  EXPECT_FALSE(file.ReadIfChanged());
  Write("nonsense\n");
  EXPECT_TRUE(file.ReadIfChanged());
  EXPECT_FALSE(file.ReadIfChanged());
}

TEST_F(LeapFileTest, IsReportedWhenItIsMissingAndWhenItAppears) {
  LeapFile file(path_);
  const auto missing = file.ReadIfChanged();
  ASSERT_TRUE(missing);
  EXPECT_TRUE(absl::IsNotFound(missing->status()));
  EXPECT_THAT(std::string(missing->status().message()), HasSubstr("utc.leap_file"));
  EXPECT_FALSE(file.ReadIfChanged());
  Write("nonsense\n");
  EXPECT_TRUE(file.ReadIfChanged());
}

TEST_F(LeapFileTest, ParseErrorsNameTheFile) {
  Write("");
  LeapFile file(path_);
  const auto table = file.ReadIfChanged();
  ASSERT_TRUE(table && !table->ok());
  EXPECT_THAT(std::string(table->status().message()), HasSubstr(path_));
}

TEST_F(LeapFileTest, WhatIsNoListIsRefused) {
  Write(std::string((1 << 20) + 1, '#'));
  const auto big = LeapFile(path_).ReadIfChanged();
  ASSERT_TRUE(big);
  EXPECT_THAT(std::string(big->status().message()), HasSubstr("larger than 1 MB"));

  const auto directory = LeapFile(scratch_.path()).ReadIfChanged();
  ASSERT_TRUE(directory);
  EXPECT_FALSE(directory->ok());

  const std::string fifo = scratch_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const auto pipe = LeapFile(fifo).ReadIfChanged();
  ASSERT_TRUE(pipe);
  EXPECT_THAT(std::string(pipe->status().message()), HasSubstr("regular file"));
}

// ---- Log lines and error texts.

TEST(LogWriter, WritesForTheJournalAndForPeople) {
  const LogLine warning{Severity::kWarning, "no master"};
  EXPECT_EQ(LogWriter::Format(warning, true), "<4>no master\n");
  EXPECT_EQ(LogWriter::Format(warning, false), "refclockd: warning: no master\n");
  EXPECT_EQ(LogWriter::Format({Severity::kInfo, "ready"}, false), "refclockd: ready\n");
  EXPECT_EQ(LogWriter::Format({Severity::kError, "x"}, false), "refclockd: error: x\n");
}

TEST(LogWriter, ALineStaysOneLine) {
  EXPECT_EQ(LogWriter::Format({Severity::kInfo, "a\nb\x1b[2Jc"}, true),
            "<6>a b [2Jc\n");
}

TEST(LogWriter, UsesThePrefixOnlyWhenItsDescriptorIsTheJournal) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const FileDescriptor out(pipe_ends[0]), in(pipe_ends[1]);
  struct stat info;
  ASSERT_EQ(fstat(in.get(), &info), 0);
  const auto written = [&] {
    LogWriter(in.get()).Write({Severity::kNotice, "x"});
    char text[64] = {};
    EXPECT_GT(read(out.get(), text, sizeof text - 1), 0);
    return std::string(text);
  };
  setenv("JOURNAL_STREAM", "1:1", 1);
  EXPECT_EQ(written(), "refclockd: x\n");
  const std::string journal =
      std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
  setenv("JOURNAL_STREAM", journal.c_str(), 1);
  EXPECT_EQ(written(), "<5>x\n");
  unsetenv("JOURNAL_STREAM");
}

// ---- Trace file.

class TraceFileTest : public testing::Test {
 protected:
  std::string Content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  ScratchDirectory directory_;
  const std::string path_ = directory_.path() + "/trace";
};

TEST_F(TraceFileTest, HoldsItsLinesAfterAFlushAndAtItsEnd) {
  auto file = TraceFile::Create(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  (*file)->Write("one");
  EXPECT_EQ(Content(), "") << "each line is written by itself";
  (*file)->Flush();
  EXPECT_EQ(Content(), "one\n");
  const std::string large(100'000, 'x');
  (*file)->Write(large);
  (*file)->Write("three");
  file->reset();
  EXPECT_EQ(Content(), "one\n" + large + "\nthree\n");
}

TEST_F(TraceFileTest, IsNeverRecordedOver) {
  std::ofstream(path_) << "precious\n";
  const auto file = TraceFile::Create(path_);
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(std::string(file.status().message()),
              testing::AllOf(HasSubstr(path_), HasSubstr("File exists"),
                             HasSubstr("name another file")));
  EXPECT_EQ(Content(), "precious\n");
}

TEST_F(TraceFileTest, ThatCannotBeMadeIsNamed) {
  const auto file = TraceFile::Create(directory_.path() + "/none/trace");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("/none/trace"));
}

TEST_F(TraceFileTest, StopsAtItsLimitWithAWholeLineAndSaysSoOnce) {
  auto file = TraceFile::Create(path_, 10);
  ASSERT_TRUE(file.ok()) << file.status();
  testing::internal::CaptureStderr();
  for (const char* line : {"four", "five", "six", "7"}) (*file)->Write(line);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("has grown to 10 octets: recording has ended"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
  EXPECT_FALSE((*file)->status().ok());
  file->reset();
  EXPECT_EQ(Content(), "four\nfive\n");
}

TEST_F(TraceFileTest, OnAFullDiskEndsTheRecordingOnly) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  auto file = TraceFile::Adopt("/dev/full", open("/dev/full", O_WRONLY | O_CLOEXEC));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    file->Write("line");
    file->Flush();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("No space left on device"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_F(TraceFileTest, WithoutALineIsRemovedAgain) {
  ASSERT_TRUE(TraceFile::Create(path_).ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST(ErrnoStatus, SaysWhatWhyAndWhatToDo) {
  const absl::Status status = ErrnoStatus(EACCES, "cannot open it", "run as root");
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_EQ(status.message(), "cannot open it: Permission denied (run as root)");
  EXPECT_EQ(ErrnoStatus(ENODEV, "x").message(), "x: No such device");
}

}  // namespace
}  // namespace bridge::os
