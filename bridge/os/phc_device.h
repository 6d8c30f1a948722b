// bridge/os/phc_device.h
//
// A PTP hardware clock, /dev/ptpN (linux/ptp_clock.h of the kernel).
//
//   auto phc = PhcDevice::Open("/dev/ptp0");
//   auto reading = (*phc)->Read();           // with CLOCK_REALTIME, the narrowest of N
//   auto applied = (*phc)->Adjust(SetPhcFrequency{-1'234.5});
//
// Each kind of reading is tried in order, the best first, and what the driver does not
// have is not asked for again: PTP_SYS_OFFSET_PRECISE, _EXTENDED, PTP_SYS_OFFSET. How
// many readings are taken at once follows what one costs: a PHC behind MDIO takes
// milliseconds each, and each may lose an external pulse.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/estimate/phc_servo.h"
#include "bridge/os/file_descriptor.h"
#include "bridge/time/clock_map.h"

namespace bridge::os {

class PhcDevice {
 public:
  enum class Method { kPrecise, kExtended, kBasic };

  enum class Access { kRead, kReadWrite };

  // Opened for writing, if that is wanted, or for reading only where it is not allowed.
  static absl::StatusOr<std::unique_ptr<PhcDevice>> Open(
      const std::string& device, Access access = Access::kReadWrite);

  // The PHC and CLOCK_REALTIME at one instant. EBUSY, ETIMEDOUT and the like are
  // errors of this reading; kNotFound (ENODEV): the device is gone, open it anew;
  // kUnimplemented: it can't be read at all.
  absl::StatusOr<CrossTimestamp<Phc>> Read();

  // Steps it or sets its frequency, within max_adj; what was really asked of the
  // driver comes back. FailedPrecondition (EBUSY): virtual clocks use it.
  absl::StatusOr<PhcCommand> Adjust(const PhcCommand& command);
  // As it was dialled last, by whomever.
  absl::StatusOr<SetPhcFrequency> ReadFrequency() const;

  const std::string& device() const { return device_; }
  int index() const { return index_; }  // N of ptpN; -1 without sysfs.
  const std::string& clock_name() const { return clock_name_; }  // sysfs; may be "".
  double max_adj_ppb() const { return max_adj_ppb_; }
  bool writable() const { return writable_; }
  // In use on top of it, which makes it refuse adjustments (sysfs n_vclocks); 0 when
  // the kernel does not say.
  int virtual_clocks() const;
  // It is one itself, and the stamps of sockets are of the clock below it (but for
  // SOF_TIMESTAMPING_BIND_PHC, which is not used here).
  bool is_virtual() const;

  Method method() const { return method_; }
  int readings_per_sample() const { return readings_; }
  absl::Duration cost() const { return cost_; }  // Of one reading, infinite at first.
  uint64_t read_errors() const { return read_errors_; }

 private:
  PhcDevice(FileDescriptor fd, const std::string& device)
      : fd_(std::move(fd)), device_(device) {}

  // Asks by the method of now: 0 or the errno. `out` is nothing when the answer made no
  // sense.
  int Ask(std::optional<CrossTimestamp<Phc>>& out) const;
  void LearnCost(absl::Duration latest);

  FileDescriptor fd_;
  std::string device_;
  std::string directory_;  // In sysfs.
  std::string clock_name_;
  int index_ = -1;
  double max_adj_ppb_ = 0;
  bool writable_ = false;
  Method method_ = Method::kPrecise;
  int readings_ = 1;  // The first one measures.
  absl::Duration cost_ = absl::InfiniteDuration();
  uint64_t read_errors_ = 0;
};

const char* PhcMethodName(PhcDevice::Method method);  // "precise", "extended", "basic"

}  // namespace bridge::os
