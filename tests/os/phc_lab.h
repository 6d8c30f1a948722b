// tests/os/phc_lab.h
//
// Tests on real PTP hardware clocks, which they step and steer: only as root in a QEMU
// machine that has eth0 and eth1 on one cable, each with a PHC, and nobody to use them.
// Everywhere else they are skipped.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "bridge/os/hardware_stamps.h"
#include "bridge/os/phc_device.h"
#include "tests/os/namespaces.h"

namespace bridge::os {

class PhcLab : public testing::Test {
 protected:
  void SetUp() override {
    std::string maker;
    std::getline(std::ifstream("/sys/class/dmi/id/sys_vendor"), maker);
    if (maker != "QEMU" || access("/dev/ptp0", W_OK) != 0) {
      GTEST_SKIP() << "no PTP hardware clock of ours: needs the virtual machine";
    }
    // A test before this one may have left for a namespace of its own.
    home_ = FileDescriptor(open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(setns(home_.get(), CLONE_NEWNET), 0);
    for (int i = 0; i < 2; ++i) {
      const auto stamps = ReadHardwareStamps("eth" + std::to_string(i));
      if (!stamps.ok() || !stamps->complete()) {
        GTEST_SKIP() << "needs eth0 and eth1 with a PTP hardware clock each";
      }
      auto phc = PhcDevice::Open("/dev/ptp" + std::to_string(stamps->phc_index));
      ASSERT_TRUE(phc.ok()) << phc.status();
      (i == 0 ? phc0_ : phc1_) = *std::move(phc);
    }
  }

  FileDescriptor home_;
  std::unique_ptr<PhcDevice> phc0_, phc1_;  // Of eth0 and of eth1.
};

}  // namespace bridge::os
