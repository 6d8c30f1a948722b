// Other writers of NTP segments, played by child processes with their names.
#include "bridge/os/shm_neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#include "shm/layout.h"
#include "tests/os/namespaces.h"

namespace bridge::os {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

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

}  // namespace
}  // namespace bridge::os
