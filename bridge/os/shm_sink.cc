#include "bridge/os/shm_sink.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/os/clocks.h"
#include "bridge/os/errno_status.h"
#include "bridge/refclock/sample_format.h"
#include "bridge/time/waiting.h"

namespace bridge::os {
namespace {

key_t KeyOf(int unit) { return ntpshm::kBaseKey + unit; }

absl::Status WrongSize(int unit, const char* how) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "SHM unit %d exists and is %s than the %d octets of this machine's layout: made "
      "by a program of another word size? Stop it, then: ipcrm -M 0x%x",
      unit, how, sizeof(ntpshm::Segment), KeyOf(unit)));
}

absl::Status CannotOpen(int unit, int error) {
  if (error == EINVAL) return WrongSize(unit, "smaller");
  const std::string what = absl::StrCat("cannot open SHM unit ", unit);
  if (error != EACCES) return ErrnoStatus(error, what);
  return ErrnoStatus(error, what,
                     "it belongs to another user: run as root, or stop its programs, "
                     "ipcrm it and let refclockd create it with output.shm.mode = "
                     "0o666, or use chrony's SOCK");
}

}  // namespace

ShmSink::ShmSink(int unit, int mode, absl::Duration check_interval)
    : unit_(unit), mode_(mode), check_interval_(check_interval), checked_(MonoNow()) {}

absl::StatusOr<std::unique_ptr<ShmSink>> ShmSink::Attach(
    int unit, int mode, absl::Duration check_interval) {
  if (unit < 0 || unit > ntpshm::kMaxUnit) {
    return absl::InvalidArgumentError(
        absl::StrCat("SHM unit ", unit, " is out of range: 0 to ", ntpshm::kMaxUnit));
  }
  std::unique_ptr<ShmSink> sink(new ShmSink(unit, mode, check_interval));
  const absl::Status attached = sink->AttachSegment();
  if (!attached.ok()) return attached;
  return sink;
}

ShmSink::~ShmSink() { Detach(); }

absl::Status ShmSink::AttachSegment() {
  const int id = shmget(KeyOf(unit_), sizeof(ntpshm::Segment), IPC_CREAT | mode_);
  if (id < 0) return CannotOpen(unit_, errno);
  shmid_ds info;
  if (shmctl(id, IPC_STAT, &info) != 0) return CannotOpen(unit_, errno);
  // A larger one is handed out without complaint.
  if (info.shm_segsz != sizeof(ntpshm::Segment)) return WrongSize(unit_, "larger");
  void* memory = shmat(id, nullptr, 0);
  if (memory == reinterpret_cast<void*>(-1)) return CannotOpen(unit_, errno);
  id_ = id;
  segment_ = static_cast<ntpshm::Segment*>(memory);
  fed_before_ |= segment_->receiveTimeStampSec != 0;
  writer_.emplace(segment_);
  writer_->Withdraw();
  if (info.shm_perm.uid != 0 && info.shm_perm.uid != geteuid()) {
    news_ = {Severity::kWarning,
             absl::StrCat("SHM unit ", unit_, " belongs to user ", info.shm_perm.uid,
                          ", who can write time into it")};
  }
  return absl::OkStatus();
}

void ShmSink::Detach() {
  if (segment_ == nullptr) return;
  writer_->Withdraw();
  writer_.reset();
  shmdt(segment_);
  segment_ = nullptr;
  id_ = -1;
}

// Whether the segment that we write is still the one to write. Without flags
// shmget only looks the key up and needs no permission.
bool ShmSink::IsCurrent() const {
  if (!attached()) return false;
  const int id = shmget(KeyOf(unit_), 0, 0);
  if (id >= 0) return id == id_;
  // Removed, but a consumer that was attached before still reads it.
  shmid_ds info;
  return shmctl(id_, IPC_STAT, &info) == 0 && info.shm_nattch > 1;
}

void ShmSink::FollowTheKey(MonoTime now) {
  if (now < checked_ + check_interval_) return;
  checked_ = now;
  if (IsCurrent()) return;
  const bool was_attached = attached();
  Detach();
  const absl::Status status = AttachSegment();
  if (status.ok()) {
    news_ = {Severity::kNotice,
             absl::StrCat("SHM unit ", unit_, " was removed; attached the new one")};
  } else if (was_attached) {
    news_ = {Severity::kError,
             absl::StrCat("SHM unit ", unit_, " was removed; ", status.message())};
  }
}

void ShmSink::NoteForeignWrite(MonoTime now) {
  if (!writer_->ForeignWriteSeen()) return;
  ++foreign_writes_;
  if (foreign_told_ && now - *foreign_told_ < TimeDelta::FromSeconds(3600)) return;
  foreign_told_ = now;
  news_ = {Severity::kWarning,
           absl::StrCat("another program writes SHM unit ", unit_,
                        ": gpsd (it takes units 0 to 11), or a second refclockd, "
                        "ptp4l or phc2sys; stop it or choose another unit")};
}

void ShmSink::Publish(const RefclockSample& sample) {
  const MonoTime now = MonoNow();
  FollowTheKey(now);
  if (!attached()) return;
  NoteForeignWrite(now);
  writer_->Write(ToShmSample(sample));
}

void ShmSink::Withdraw() {
  if (!attached()) return;
  NoteForeignWrite(MonoNow());
  writer_->Withdraw();
}

std::optional<LogLine> ShmSink::TakeNews() {
  return std::exchange(news_, std::nullopt);
}

}  // namespace bridge::os
