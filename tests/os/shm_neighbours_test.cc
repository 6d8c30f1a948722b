// Other writers of NTP segments, played by child processes with their names.
#include "bridge/os/shm_neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "shm/layout.h"
#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class ShmNeighboursTest : public NamespaceTest {
 protected:
  ~ShmNeighboursTest() override {
    for (const pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
  }

  // A process of that name that has the unit's segment; its id.
  pid_t Start(const char* name, int unit) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prctl(PR_SET_NAME, name);
      shmat(shmget(ntpshm::kBaseKey + unit, sizeof(ntpshm::Segment), IPC_CREAT | 0600),
            nullptr, 0);
      if (write(ready[1], "", 1) != 1) _exit(1);
      for (;;) pause();
    }
    children_.push_back(child);
    char octet;
    EXPECT_EQ(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
  }

  std::vector<pid_t> children_;
};

TEST_F(ShmNeighboursTest, AreThoseThatWriteAndNotThoseThatRead) {
  EXPECT_THAT(FindShmNeighbours(), IsEmpty());
  const pid_t writer = Start("phc2sys", 2);
  Start("chronyd", 2);
  const auto found = FindShmNeighbours();
  ASSERT_THAT(found, ElementsAre(AllOf(Field(&ShmNeighbour::pid, writer),
                                       Field(&ShmNeighbour::program, "phc2sys"),
                                       Field(&ShmNeighbour::unit, 2))));
}

// As a refclockd without CAP_SYS_PTRACE sees a phc2sys of root's.
TEST_F(ShmNeighboursTest, AreSeenByWhoMadeTheSegmentWhereMemoryMapsMayNotBeRead) {
  const pid_t writer = Start("gpsd", 5);
  const pid_t late = Start("phc2sys", 5);  // Who attached last.
  ASSERT_EQ(seteuid(65'534), 0);
  const bool readable = std::ifstream(absl::StrCat("/proc/", writer, "/maps")).good();
  const auto found = FindShmNeighbours();
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_FALSE(readable);
  EXPECT_THAT(found,
              UnorderedElementsAre(AllOf(Field(&ShmNeighbour::pid, writer),
                                         Field(&ShmNeighbour::program, "gpsd"),
                                         Field(&ShmNeighbour::unit, 5)),
                                   AllOf(Field(&ShmNeighbour::pid, late),
                                         Field(&ShmNeighbour::program, "phc2sys"),
                                         Field(&ShmNeighbour::unit, 5))));
}

TEST_F(ShmNeighboursTest, InAnotherIpcNamespaceAreNone) {
  Start("phc2sys", 2);
  ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
  EXPECT_THAT(FindShmNeighbours(), IsEmpty());
}

TEST(DescribeShmNeighbours, SaysWhatToChange) {
  const std::vector<ShmNeighbour> all{
      {11, "phc2sys", 2}, {12, "ptp4l", 0}, {13, "gpsd", 0}, {14, "gpsd", 2}};
  const auto lines = DescribeShmNeighbours(all, {2});
  const auto line = [](Severity severity, const char* who, const char* what) {
    return AllOf(Field(&LogLine::severity, severity),
                 Field(&LogLine::text, AllOf(HasSubstr(who), HasSubstr(what))));
  };
  EXPECT_THAT(
      lines,
      ElementsAre(line(Severity::kWarning, "phc2sys (process 11)", "-E ntpshm"),
                  line(Severity::kNotice, "ptp4l (process 12)", "clock_servo ntpshm"),
                  line(Severity::kWarning, "gpsd (process 14)", "12 or more")))
      << "a gpsd with a unit of its own is nobody's trouble";
}

TEST(DescribeGpsdUnits, WarnsOfTheUnitsThatAGpsdOnThisMachineTakes) {
  for (const char* here : {"localhost:2947", "localhost", "127.0.0.1:2947", "[::1]"}) {
    const auto line = DescribeGpsdUnits(here, {{11, "ptp4l", 0}}, {2, 12});
    ASSERT_TRUE(line) << here;
    EXPECT_THAT(line->text, AllOf(HasSubstr("unit 2 "), HasSubstr("12 or more")));
    EXPECT_FALSE(DescribeGpsdUnits(here, {}, {12}));
    EXPECT_FALSE(DescribeGpsdUnits(here, {}, {}));
    EXPECT_FALSE(DescribeGpsdUnits(here, {{11, "gpsd", 0}}, {2})) << "it is seen";
  }
  EXPECT_FALSE(DescribeGpsdUnits("gps.example:2947", {}, {2}));
  EXPECT_FALSE(DescribeGpsdUnits("", {}, {2}));
}

}  // namespace
}  // namespace bridge::os
