#include "bridge/os/phc_device.h"

#include <linux/ptp_clock.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bridge/os/clocks.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/phc_reading.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

// The kernel's FD_TO_CLOCKID: negative and with 011 for its last bits, as no clock of
// the system is.
constexpr clockid_t ClockIdOf(int fd) {
  return static_cast<clockid_t>((~static_cast<unsigned>(fd) << 3) | 3u);
}
static_assert(ClockIdOf(0) < 0 && ClockIdOf(1 << 20) < 0);

// The only way from here to a clock that can be set: never the system's.
int AdjustClockOf(const FileDescriptor& fd, timex& request) {
  const clockid_t id = ClockIdOf(fd.get());
  if (!fd.ok() || id >= 0) std::abort();
  return clock_adjtime(id, &request);
}

int Ioctl(const FileDescriptor& fd, unsigned long request, void* argument) {
  return ioctl(fd.get(), request, argument) == 0 ? 0 : errno;
}

std::string FirstLineOf(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

// "/sys/class/ptp/ptp0", whatever the device node is called; "" without sysfs.
std::string SysfsDirectory(const FileDescriptor& fd) {
  struct stat node;
  if (fstat(fd.get(), &node) != 0) return "";
  const std::string link =
      absl::StrCat("/sys/dev/char/", major(node.st_rdev), ":", minor(node.st_rdev));
  char target[PATH_MAX];
  return realpath(link.c_str(), target) == nullptr ? "" : target;
}

int IndexOf(absl::string_view directory) {
  const size_t slash = directory.rfind('/');
  if (slash == absl::string_view::npos) return -1;
  absl::string_view name = directory.substr(slash + 1);
  int index;
  return absl::ConsumePrefix(&name, "ptp") && absl::SimpleAtoi(name, &index) ? index
                                                                             : -1;
}

// That the driver never will: another method is needed. PRECISE says ENODEV when the
// system's clock source is not the one the PHC can be compared with; when it is the
// device that is gone, the others say so too.
bool Lacks(PhcDevice::Method method, int error) {
  return error == EOPNOTSUPP || error == ENOTTY || error == EINVAL ||
         (error == ENODEV && method == PhcDevice::Method::kPrecise);
}

const char* AdviceFor(int error) {
  switch (error) {
    case EBUSY:
      return "virtual clocks use it: write 0 to its n_vclocks, or use one of them";
    case EACCES:
    case EPERM:
      return "it has to be open for writing: give the daemon write access to the "
             "device, or use phc.mode = \"observe\"";
    case ERANGE:
      return "the driver can't adjust that far";
    case EOPNOTSUPP:
      return "the driver can't adjust this clock: use phc.mode = \"observe\"";
    case ENODEV:
      return "the device is gone";
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PhcDevice>> PhcDevice::Open(const std::string& device,
                                                           Access access) {
  const int wanted = access == Access::kReadWrite ? O_RDWR : O_RDONLY;
  FileDescriptor fd(open(device.c_str(), wanted | O_CLOEXEC));
  const bool writable = fd.ok() && access == Access::kReadWrite;
  if (!fd.ok() && (errno == EACCES || errno == EPERM || errno == EROFS)) {
    fd = FileDescriptor(open(device.c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!fd.ok()) {
    return ErrnoStatus(errno, absl::StrCat("cannot open ", device),
                       errno == EACCES ? "give the daemon access to the device" : "");
  }
  ptp_clock_caps caps{};
  if (const int error = Ioctl(fd, PTP_CLOCK_GETCAPS, &caps); error != 0) {
    if (error != ENOTTY) return ErrnoStatus(error, absl::StrCat("cannot ask ", device));
    return absl::InvalidArgumentError(
        absl::StrCat(device, " is no PTP hardware clock"));
  }
  std::unique_ptr<PhcDevice> phc(new PhcDevice(std::move(fd), device));
  phc->writable_ = writable;
  phc->max_adj_ppb_ = caps.max_adj;
  phc->directory_ = SysfsDirectory(phc->fd_);
  phc->index_ = IndexOf(phc->directory_);
  phc->clock_name_ = FirstLineOf(phc->directory_ + "/clock_name");
  return phc;
}

int PhcDevice::Ask(std::optional<CrossTimestamp<Phc>>& out) const {
  int error = 0;
  if (method_ == Method::kPrecise) {
    ptp_sys_offset_precise answer{};
    for (int i = 0; i < 3; ++i) {  // The two may be latched for somebody else just now.
      error = Ioctl(fd_, PTP_SYS_OFFSET_PRECISE, &answer);
      if (error != EBUSY) break;
    }
    if (error == 0) out = FromPrecise(answer);
  } else if (method_ == Method::kExtended) {
    ptp_sys_offset_extended answer{};
    answer.n_samples = static_cast<unsigned>(readings_);
    error = Ioctl(fd_, PTP_SYS_OFFSET_EXTENDED, &answer);
    if (error == 0) out = Narrowest(answer);
  } else {
    ptp_sys_offset answer{};
    answer.n_samples = static_cast<unsigned>(readings_);
    error = Ioctl(fd_, PTP_SYS_OFFSET, &answer);
    if (error == 0) out = Narrowest(answer);
  }
  return error;
}

void PhcDevice::LearnCost(absl::Duration latest) {
  cost_ = SmoothedCost(cost_, latest);
  // A precise one gains nothing by repetition.
  readings_ = method_ == Method::kPrecise ? 1 : ReadingsFor(cost_);
}

absl::StatusOr<CrossTimestamp<Phc>> PhcDevice::Read() {
  for (;;) {
    std::optional<CrossTimestamp<Phc>> reading;
    const MonoTime start = MonoNow();
    const int error = Ask(reading);
    if (reading) {
      LearnCost(ToDuration(MonoNow() - start) / readings_);
      return *reading;
    }
    if (Lacks(method_, error) && method_ != Method::kBasic) {
      method_ = method_ == Method::kPrecise ? Method::kExtended : Method::kBasic;
      continue;
    }
    ++read_errors_;
    if (error != 0) return ErrnoStatus(error, absl::StrCat("cannot read ", device_));
    return absl::UnavailableError(absl::StrCat(
        "cannot read ", device_, ": the system clock was set back meanwhile"));
  }
}

absl::StatusOr<PhcCommand> PhcDevice::Adjust(const PhcCommand& command) {
  PhcRequest request = MakeRequest(command, max_adj_ppb_);
  if (AdjustClockOf(fd_, request.request) >= 0) return request.asked;
  const bool step = std::holds_alternative<StepPhc>(command);
  return ErrnoStatus(
      errno,
      absl::StrCat(step ? "cannot step " : "cannot set the frequency of ", device_),
      AdviceFor(errno));
}

absl::StatusOr<SetPhcFrequency> PhcDevice::ReadFrequency() const {
  timex answer{};  // modes = 0: asks only.
  if (AdjustClockOf(fd_, answer) >= 0) {
    return SetPhcFrequency::FromScaled(answer.freq);
  }
  return ErrnoStatus(errno, absl::StrCat("cannot read the frequency of ", device_));
}

int PhcDevice::virtual_clocks() const {
  int count;
  return absl::SimpleAtoi(FirstLineOf(directory_ + "/n_vclocks"), &count) ? count : 0;
}

// The kernel calls the clocks on top of ptp0 "ptp0_virt".
bool PhcDevice::is_virtual() const { return absl::EndsWith(clock_name_, "_virt"); }

const char* PhcMethodName(PhcDevice::Method method) {
  switch (method) {
    case PhcDevice::Method::kPrecise:
      return "precise";
    case PhcDevice::Method::kExtended:
      return "extended";
    case PhcDevice::Method::kBasic:
      return "basic";
  }
  return "";
}

}  // namespace bridge::os
