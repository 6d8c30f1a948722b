// tests/os/namespaces.h
//
// A network and IPC namespace of a test's own: interfaces and segments of the
// machine are out of reach, and all is gone when the test ends. CTest runs each
// test in its own process; run by hand, each test enters a fresh one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "bridge/os/file_descriptor.h"
#include "bridge/os/interface.h"

namespace bridge::os {

inline bool Shell(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

inline FileDescriptor ThisNetwork() {
  return FileDescriptor(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

// The kernel's link watch takes a moment, and frames sent before are lost.
inline bool WaitForLink(const std::string& name, bool up = true) {
  for (int i = 0; i < 200; ++i) {
    const auto info = ReadInterface(name);
    if (info.ok() && info->up == up) return true;
    usleep(5'000);
  }
  return false;
}

class NamespaceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0) {
      GTEST_SKIP() << "needs root: a network and IPC namespace of its own";
    }
  }

  // veth0 and veth1, up, one cable, both in this namespace.
  static void MakeCable() {
    ASSERT_TRUE(
        Shell("ip link add name veth0 type veth peer name veth1 && "
              "ip link set veth0 up && ip link set veth1 up"));
    ASSERT_TRUE(WaitForLink("veth0") && WaitForLink("veth1"));
  }
};

// What `body` returns, run as user nobody in a process of its own.
inline int AsNobody(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(127);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace bridge::os
