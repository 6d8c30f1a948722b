// The programs as they are built: exit codes and what is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bridge/telemetry/latency_statistics.h"
#include "shm/segment_writer.h"

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Result {
  int code;
  std::string text;  // stdout and stderr.
};

Result Execute(const std::string& command) {
  std::FILE* pipe =
      popen(absl::StrCat(REFCLOCKD_BIN_DIR, "/", command, " 2>&1").c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::string text;
  char buffer[4096];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), pipe)) {
    text.append(buffer, size);
  }
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

std::string Temporary(const char* name) {
  return absl::StrCat(::testing::TempDir(), "/refclockd-", getpid(), "-", name);
}

TEST(Refclockd, JudgesAConfigurationWithCheck) {
  const std::string file = Temporary("example.toml");
  EXPECT_EQ(Execute(absl::StrCat("refclockctl explain example > ", file)).code, 0);
  const Result good = Execute(absl::StrCat("refclockd --check --config=", file));
  EXPECT_EQ(good.code, 0);
  EXPECT_THAT(good.text, HasSubstr(file + ": good"));

  std::ofstream(file, std::ios::app) << "priotity = 4\n";
  const Result bad = Execute(absl::StrCat("refclockd --check --config=", file));
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.text, HasSubstr("did you mean realtime.priority?"));
  std::remove(file.c_str());
}

TEST(Refclockd, ExitsWithTwoAfterWrongUse) {
  for (const char* words : {"", "--confg=x", "x", "--config=/nonexistent",
                            "--interface=a/b", "--interface=lo --role=granmaster"}) {
    const Result result = Execute(absl::StrCat("refclockd ", words));
    EXPECT_EQ(result.code, 2) << words;
    EXPECT_NE(result.text, "") << words;
  }
}

TEST(Programs, FindTheSocketInAFileOfPorts) {
  // No daemon answers, which is 1; a file that is refused would be 2.
  const std::string file = Temporary("ports.toml");
  const std::string socket = Temporary("ports.sock");
  std::ofstream(file) << "status.socket = \"" << socket
                      << "\"\n[[port]]\ninterface = \"eth0\"\n[[port.output.shm]]\n";
  const Result result = Execute(absl::StrCat("refclockctl status --config=", file));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr(socket));
  std::remove(file.c_str());
}

TEST(Programs, ShowHelpAndVersion) {
  for (const char* words :
       {"refclockd --help", "refclockd --version", "refclockctl --help",
        "refclockctl --version", "refclockctl status --help", "refclockctl shm --help",
        "refclockctl explain --help", "refclockctl import --help",
        "refclockctl replay --help"}) {
    const Result result = Execute(words);
    EXPECT_EQ(result.code, 0) << words;
    EXPECT_NE(result.text, "") << words;
  }
}

TEST(Refclockctl, ExitsWithTwoAfterWrongUse) {
  for (const char* words :
       {"", "stauts", "status x", "status --jsn", "shm --unit=218", "shm --unit=x",
        "explain", "explain reason", "import", "import a b", "import /nonexistent",
        "import --role=boundary /dev/null"}) {
    EXPECT_EQ(Execute(absl::StrCat("refclockctl ", words)).code, 2) << words;
  }
  EXPECT_THAT(Execute("refclockctl stauts").text, HasSubstr("did you mean status?"));
}

TEST(Refclockctl, ExplainsReasonsStatesAndOptions) {
  EXPECT_THAT(Execute("refclockctl explain reasons").text,
              AllOf(HasSubstr("utc-offset-contested"), HasSubstr("other-domain")));
  EXPECT_THAT(Execute("refclockctl explain reasons").text,
              AllOf(HasSubstr("\nno-fix (lost)\n"), HasSubstr("\nabandoned\n")));
  EXPECT_THAT(Execute("refclockctl explain states").text,
              AllOf(HasSubstr("UNCALIBRATED"), HasSubstr("-> PRE_MASTER"),
                    HasSubstr("\nclockClass 52 (187 with role auto)\n"),
                    HasSubstr("\nfollowing\n"), HasSubstr("-> returning after ")));
  EXPECT_THAT(Execute("refclockctl explain options").text, HasSubstr("ptp.domain = 0"));
}

TEST(Refclockctl, ExplainsInLinesOfATerminal) {
  for (const char* topic : {"reasons", "states", "options"}) {
    const std::string text = Execute(absl::StrCat("refclockctl explain ", topic)).text;
    std::istringstream lines(text);
    size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      EXPECT_LE(line.size(), 80u) << line;
    }
    EXPECT_GT(count, 90u) << topic;
  }
}

TEST(RefclockctlImport, WritesWhatTheDaemonTakesAndSaysWhatIsWrong) {
  const std::string conf = Temporary("ptp4l.conf");
  const std::string toml = Temporary("imported.toml");
  const std::string import = absl::StrCat(
      "refclockctl import ", conf, " --phc2sys='phc2sys -s lo -E ntpshm -M 9' > ", toml,
      " 2>/dev/null #");
  std::ofstream(conf) << "[global]\nslaveOnly 1\n[lo]\n";
  EXPECT_EQ(Execute(import).code, 0);
  EXPECT_EQ(Execute(absl::StrCat("refclockd --check --config=", toml)).code, 0);

  std::ofstream(conf, std::ios::app) << "logSyncInterval -3 # fast\n";
  EXPECT_EQ(Execute(import).code, 1);
  EXPECT_EQ(Execute(absl::StrCat("refclockd --check --config=", toml)).code, 0);
  EXPECT_THAT(Execute(absl::StrCat("refclockctl import ", conf)).text,
              HasSubstr(absl::StrCat(conf, ":4:20: ptp4l refuses a comment")));

  // Ours is not theirs.
  EXPECT_EQ(Execute(absl::StrCat("refclockctl import ", toml)).code, 2);
  std::remove(conf.c_str());
  std::remove(toml.c_str());
}

TEST(RefclockctlStatus, SaysWhatToDoWhenNoDaemonAnswers) {
  const Result result = Execute("refclockctl status --socket=/nonexistent/status.sock");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, AllOf(HasSubstr("/nonexistent/status.sock"),
                                 HasSubstr("is refclockd running")));
}

TEST(RefclockctlStatus, FindsTheSocketByTheConfiguration) {
  const std::string file = Temporary("status.toml");
  std::ofstream(file) << "[status]\nsocket = \"/nonexistent/by-config.sock\"\n";
  const Result result = Execute(absl::StrCat("refclockctl status --config=", file));
  std::remove(file.c_str());
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr("/nonexistent/by-config.sock"));
}

// Answers each of `times` clients with `text`.
class FakeDaemon {
 public:
  FakeDaemon(std::string text, int times) : path_(Temporary("status.sock")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
              0);
    EXPECT_EQ(listen(listener_, 4), 0);
    thread_ = std::thread([this, text = std::move(text), times] {
      for (int i = 0; i < times; ++i) {
        const int client = accept(listener_, nullptr, nullptr);
        if (client < 0) return;
        EXPECT_EQ(write(client, text.data(), text.size()),
                  static_cast<ssize_t>(text.size()));
        close(client);
      }
    });
  }
  ~FakeDaemon() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
    unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int listener_;
  std::thread thread_;
};

TEST(RefclockctlStatus, PrintsATableOrTheDaemonsOwnWords) {
  const FakeDaemon daemon("{\"state\":\"LISTENING\",\"withheld\":\"no-master\"}\n", 2);
  const Result table =
      Execute(absl::StrCat("refclockctl status --socket=", daemon.path()));
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.text, AllOf(HasSubstr("LISTENING"), HasSubstr("no: no-master")));
  const Result json =
      Execute(absl::StrCat("refclockctl status --json --socket=", daemon.path()));
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(json.text, "{\"state\":\"LISTENING\",\"withheld\":\"no-master\"}\n");
}

TEST(RefclockctlStatus, FailsOnAnAnswerThatIsNoStatus) {
  const FakeDaemon daemon("hello\n", 1);
  const Result result =
      Execute(absl::StrCat("refclockctl status --socket=", daemon.path()));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr("not a status"));
}

// A short simulation, recorded.
class RefclockctlReplay : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result result = Simulate();
    ASSERT_EQ(result.code, 0) << result.text;
    text_ = Content();
    ASSERT_THAT(text_, HasSubstr("\n  publish 0 "));
  }
  void TearDown() override { std::remove(path_.c_str()); }

  Result Simulate() {
    return Execute(
        absl::StrCat("refclockctl simulate --scenario=cold-start --record=", path_));
  }
  Result Replay(const char* flags = "") {
    return Execute(absl::StrCat("refclockctl replay ", flags, " ", path_));
  }
  std::string Content() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void Write(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_ = Temporary("replay.trace");
  std::string text_;
};

TEST_F(RefclockctlReplay, TellsTheStoryAndThatNothingDiffers) {
  const Result result = Replay();
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_THAT(result.text, AllOf(HasSubstr("refclockd " REFCLOCKD_VERSION " on sim0"),
                                 HasSubstr("notice publishing: offset"),
                                 HasSubstr(" samples; decisions as recorded\n")));
  EXPECT_THAT(result.text, Not(HasSubstr(" sample 1")));
}

TEST_F(RefclockctlReplay, PrintsSamplesAndEverythingOnRequest) {
  EXPECT_THAT(Replay("--samples").text, HasSubstr(" sample 179526"));
  const std::string all = Replay("--verbose").text;
  EXPECT_THAT(all, AllOf(HasSubstr(" frame Announce "), HasSubstr(" pair "),
                         HasSubstr("   publish 0 ")));
}

TEST_F(RefclockctlReplay, ShowsTheFirstDifferenceAndMendsItOnRequest) {
  const size_t at = text_.find("  publish 0 ");
  Write(std::string(text_).replace(at, 11, "  publish 1"));
  const Result result = Replay();
  EXPECT_EQ(result.code, 1) << result.text;
  EXPECT_THAT(
      result.text,
      AllOf(HasSubstr("  recorded: publish 1 "), HasSubstr("  now:      publish 0"),
            HasSubstr("1 inputs decided otherwise"), HasSubstr("--update")));

  EXPECT_EQ(Replay("--update").code, 0);
  EXPECT_TRUE(Content() == text_);
  EXPECT_EQ(Replay().code, 0);
}

TEST_F(RefclockctlReplay, ExitsWithTwoWhenTheFileIsNoUse) {
  Write("hello\n");
  EXPECT_EQ(Replay().code, 2);
  EXPECT_THAT(Replay("--update").text, HasSubstr("line 1: "));
  EXPECT_EQ(Content(), "hello\n");
  Write(text_.substr(0, text_.find('\n') - 1) + "2\n");
  EXPECT_THAT(Replay().text, HasSubstr("another format than 1"));
  std::remove(path_.c_str());
  EXPECT_EQ(Replay().code, 2);
  EXPECT_THAT(Replay().text, HasSubstr("No such file"));
  EXPECT_EQ(Execute("refclockctl replay").code, 2);
}

TEST_F(RefclockctlReplay, SaysThatARecordingWasCutShort) {
  Write(text_.substr(0, text_.size() / 2));
  const Result result = Replay();
  EXPECT_EQ(result.code, 0) << result.text;
  EXPECT_THAT(result.text, HasSubstr("cut short"));
}

TEST_F(RefclockctlReplay, NothingIsRecordedOver) {
  const Result result = Simulate();
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.text, HasSubstr("name another file"));
  EXPECT_TRUE(Content() == text_);
}

// A segment of a unit that nobody uses, removed at the end.
class RefclockctlShm : public ::testing::Test {
 protected:
  void Make(size_t size) {
    for (unit_ = 217; unit_ > 100; --unit_) {
      id_ = shmget(ntpshm::kBaseKey + unit_, size, IPC_CREAT | IPC_EXCL | 0600);
      if (id_ >= 0) break;
    }
    ASSERT_GE(id_, 0);
    segment_ = static_cast<ntpshm::Segment*>(shmat(id_, nullptr, 0));
    ASSERT_NE(segment_, reinterpret_cast<void*>(-1));
  }
  void TearDown() override {
    if (id_ < 0) return;
    shmdt(segment_);
    shmctl(id_, IPC_RMID, nullptr);
  }
  Result Shm(const char* flags = "") {
    return Execute(absl::StrCat("refclockctl shm --unit=", unit_, " ", flags));
  }

  int unit_ = -1;
  int id_ = -1;
  ntpshm::Segment* segment_ = nullptr;
};

TEST_F(RefclockctlShm, ShowsASampleAndLeavesItForItsReader) {
  Make(sizeof(ntpshm::Segment));
  const int64_t now = std::time(nullptr);
  ntpshm::SegmentWriter(segment_).Write({.clock_seconds = now,
                                         .clock_nanos = 1'500,
                                         .receive_seconds = now,
                                         .receive_nanos = 2'734,
                                         .leap = 1,
                                         .precision = -20});
  ASSERT_EQ(segment_->valid, 1);
  const Result table = Shm();
  EXPECT_EQ(table.code, 0) << table.text;
  EXPECT_THAT(table.text, AllOf(HasSubstr("-1.23 us"), HasSubstr("inserted"),
                                HasSubstr("-20 (954 ns)")));
  const auto json = nlohmann::json::parse(Shm("--json").text);
  EXPECT_EQ(json["offset_ns"], -1234.0);
  EXPECT_EQ(json["leap"], 1);
  EXPECT_EQ(json["valid"], true);
  EXPECT_LT(json["age_s"], 5.0);
  EXPECT_EQ(segment_->valid, 1) << "looking has consumed the sample";
}

TEST_F(RefclockctlShm, ExitsWithOneWhenThereIsNoSample) {
  Make(sizeof(ntpshm::Segment));
  const Result result = Shm("--wait=0");
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr("no sample"));
}

TEST_F(RefclockctlShm, RefusesASegmentOfAnotherSize) {
  Make(80);
  const Result result = Shm();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr("80 octets"));
}

TEST_F(RefclockctlShm, NeverCreatesASegment) {
  Make(sizeof(ntpshm::Segment));
  shmdt(segment_);
  shmctl(id_, IPC_RMID, nullptr);
  id_ = -1;
  const Result result = Shm();
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.text, HasSubstr("does not exist"));
  EXPECT_LT(shmget(ntpshm::kBaseKey + unit_, 0, 0), 0);
}

TEST(Refclockctl, SimulatesRandomDaysOnSeveralProcesses) {
  const Result days = Execute("refclockctl simulate --days=3 --first-seed=1 --jobs=2");
  EXPECT_THAT(days.text, HasSubstr("3 days, "));
  EXPECT_EQ(days.code, days.text.find("3 days, 0 bad") == std::string::npos ? 1 : 0);

  const Result one = Execute("refclockctl simulate --days=1 --first-seed=2");
  EXPECT_THAT(one.text, AllOf(HasSubstr("master: Sync 2^"), HasSubstr("1 days, ")));
}

TEST(Refclockctl, SimulateSaysWhatIsWrongWithItsFlags) {
  EXPECT_EQ(Execute("refclockctl simulate --days=0").code, 2);
  EXPECT_EQ(Execute("refclockctl simulate --days=2 --jobs=none").code, 2);
  EXPECT_EQ(Execute("refclockctl simulate --scenario=steady --seed=-1").code, 2);
  const Result typo = Execute("refclockctl simulate --scenario=stedy");
  EXPECT_EQ(typo.code, 2);
  EXPECT_THAT(typo.text, HasSubstr("did you mean steady?"));
}

TEST(Refclockctl, SimulatesALeapSecondByName) {
  const Result leap =
      Execute("refclockctl simulate --scenario=leap-quiet-insert-step --seed=2");
  EXPECT_EQ(leap.code, 0);
  EXPECT_THAT(leap.text, HasSubstr("2h20m simulated"));
}

TEST(Latency, ShowsComparesAndDrawsReports) {
  const std::string usual = Temporary("usual.json"), slow = Temporary("slow.json"),
                    plot = Temporary("plot.svg");
  const auto write = [](const std::string& file, int64_t ns) {
    bridge::LatencyStatistics statistics;
    for (int i = 0; i < 100; ++i) {
      statistics.Add({bridge::LatencyStage::kSocketToUser,
                      bridge::LatencyMessage::kSync, bridge::LatencyTransport::kL2},
                     ns + i);
    }
    std::ofstream(file) << statistics.Report({.interface = "eth0"}).ToJson() << "\n";
  };
  write(usual, 1000);
  write(slow, 9000);
  const Result shown = Execute(absl::StrCat("refclockctl latency --from=", usual));
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.text, HasSubstr("socket-to-user         100"));
  const Result again =
      Execute(absl::StrCat("refclockctl latency --from=- --json < ", usual));
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(nlohmann::json::parse(again.text),
            nlohmann::json::parse(std::ifstream(usual)));

  const std::string compare = "refclockctl latency --compare ";
  const Result worse =
      Execute(absl::StrCat(compare, usual, " ", slow, " --plot=", plot));
  EXPECT_EQ(worse.code, 1);
  EXPECT_THAT(worse.text, HasSubstr("Worse:   socket-to-user p50 1.05 us to 9.05 us"));
  EXPECT_EQ(Execute(absl::StrCat(compare, slow, " ", usual)).code, 0);
  EXPECT_EQ(Execute(absl::StrCat(compare, usual, " ", usual)).code, 0);
  std::ifstream picture(plot);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(picture), {}).substr(0, 5),
            "<svg ");
  const Result unwritable = Execute(
      absl::StrCat("refclockctl latency --from=", usual, " --plot=/nonexistent/x"));
  EXPECT_EQ(unwritable.code, 1);
  EXPECT_THAT(unwritable.text, HasSubstr("/nonexistent/x can't be written"));
  for (const std::string& file : {usual, slow, plot}) std::remove(file.c_str());
}

TEST(Latency, ExitsWithTwoWhenAFileIsNoUse) {
  for (const char* words :
       {"--seconds=0", "--interface=lo --from=/dev/null", "--interface=none9",
        "--compare", "--compare a", "--compare a b --from=c", "--from=/nonexistent",
        "--from=/dev/null", "--from", "--from=/dev/null x",
        "--compare /dev/null /dev/null"}) {
    const Result result = Execute(absl::StrCat("refclockctl latency ", words));
    EXPECT_EQ(result.code, 2) << words;
    EXPECT_THAT(result.text, HasSubstr("refclockctl: ")) << words;
  }
}

}  // namespace
