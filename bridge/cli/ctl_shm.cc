// refclockctl shm: looks at a segment as its consumers do, and takes nothing: the
// segment is attached read-only and `valid` stays as it is.
#include <sys/ipc.h>
#include <sys/shm.h>
#include <time.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>

#include "absl/numeric/int128.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/config.h"
#include "bridge/telemetry/json_writer.h"
#include "shm/segment_reader.h"

namespace bridge::ctl {
namespace {

using ntpshm::Reading;
using ntpshm::ReadResult;

constexpr Flag kFlags[] = {
    {"unit", "N", "which unit, 0 to 217 (default: 2)"},
    {"watch", nullptr, "one line per sample, until interrupted"},
    {"json", nullptr, "one JSON object per sample"},
    {"wait", "SECONDS", "how long to look for a valid sample, 0 to 60 (default: 2)"},
};

// A consumer clears `valid` when it has read: a sample is there only part of the
// time, so one look takes a while (--wait).
constexpr int kLooksPerSecond = 100;
void Pause() {
  const timespec time{.tv_sec = 0, .tv_nsec = 10'000'000};
  nanosleep(&time, nullptr);
}

absl::Status Unattachable(int unit, int error) {
  const std::string name = absl::StrCat("SHM unit ", unit);
  if (error == ENOENT) {
    return absl::NotFoundError(absl::StrCat(
        name,
        " does not exist: no refclockd with this unit in [[output.shm]] and no NTP "
        "daemon with a refclock of it has started (`ipcs -m` lists segments; key 0x",
        absl::Hex(ntpshm::kBaseKey + unit), ")"));
  }
  if (error == EACCES) {
    return absl::PermissionDeniedError(absl::StrCat(
        name,
        " may not be read: be root or its owner (`ipcs -m` lists owner and mode), or "
        "give it another mode in [[output.shm]]"));
  }
  return absl::UnavailableError(absl::StrCat(name, ": ", std::strerror(error)));
}

// Never creates one. It stays attached until the end of the process.
absl::StatusOr<const ntpshm::Segment*> Attach(int unit) {
  const int id = shmget(ntpshm::kBaseKey + unit, 0, 0);
  if (id < 0) return Unattachable(unit, errno);
  shmid_ds facts{};
  if (shmctl(id, IPC_STAT, &facts) != 0) return Unattachable(unit, errno);
  if (facts.shm_segsz != sizeof(ntpshm::Segment)) {
    return absl::FailedPreconditionError(
        absl::StrCat("SHM unit ", unit, " has ", facts.shm_segsz, " octets where ",
                     sizeof(ntpshm::Segment),
                     " are right: its maker lays it out differently (another width of "
                     "time_t?); stop "
                     "every program that uses it, then `ipcrm -M 0x",
                     absl::Hex(ntpshm::kBaseKey + unit), "`"));
  }
  void* const address = shmat(id, nullptr, SHM_RDONLY);
  if (address == reinterpret_cast<void*>(-1)) return Unattachable(unit, errno);
  return static_cast<const ntpshm::Segment*>(address);
}

// Anything may stand in a segment, so seconds are subtracted in 128 bits.
double Difference(int64_t a_seconds, int64_t a_nanos, int64_t b_seconds,
                  int64_t b_nanos) {
  return static_cast<double>((absl::int128(a_seconds) - b_seconds) * 1'000'000'000 +
                             (a_nanos - b_nanos));
}

struct Look {
  int unit;
  Reading reading;
  double offset_ns;
  double age_s;
};

Look LookAt(int unit, const ntpshm::Segment* segment) {
  const Reading reading = ntpshm::Read(segment);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const ntpshm::Sample& s = reading.sample;
  return {
      unit, reading,
      Difference(s.clock_seconds, s.clock_nanos, s.receive_seconds, s.receive_nanos),
      Difference(now.tv_sec, now.tv_nsec, s.receive_seconds, s.receive_nanos) * 1e-9};
}

std::string TimeText(int64_t seconds, uint32_t nanos) {
  return absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E9SZ",
      absl::FromUnixSeconds(seconds) + absl::Nanoseconds(int64_t{nanos}),
      absl::UTCTimeZone());
}

const char* LeapText(int leap) {
  return leap == 0   ? "none"
         : leap == 1 ? "a second will be inserted"
         : leap == 2 ? "a second will be left out"
                     : "clock not synchronised: readers refuse the sample";
}

const char* ResultText(const Look& look) {
  switch (look.reading.result) {
    case ReadResult::kSample:
      return "a sample";
    case ReadResult::kNotValid:
      return "no sample: its reader took the last one, or it was withdrawn "
             "(`refclockctl status` says why)";
    case ReadResult::kClash:
      return "no sample: a writer is at work without end, or died while writing";
    case ReadResult::kBadMode:
      return "no sample: mode is neither 0 nor 1; this is no NTP segment";
    case ReadResult::kMalformed:
      return "no sample: its fractions or its leap indicator mean nothing";
  }
  return "?";
}

std::string Json(const Look& look) {
  const Reading& r = look.reading;
  const bool sample = r.result == ReadResult::kSample;
  JsonWriter json;
  json.BeginObject();
  json.Key("unit").Int(look.unit);
  json.Key("valid").Bool(r.valid);
  json.Key("count").Int(r.count);
  json.Key("mode").Int(r.mode);
  const auto text = [&](int64_t seconds, uint32_t nanos) -> std::optional<std::string> {
    return sample ? std::optional(TimeText(seconds, nanos)) : std::nullopt;
  };
  json.Field("reference", text(r.sample.clock_seconds, r.sample.clock_nanos));
  json.Field("system", text(r.sample.receive_seconds, r.sample.receive_nanos));
  json.Field("offset_ns", sample ? std::optional(look.offset_ns) : std::nullopt);
  json.Field("age_s", sample ? std::optional(look.age_s) : std::nullopt);
  json.Field("leap", sample ? std::optional<int64_t>(r.sample.leap) : std::nullopt);
  json.Field("precision",
             sample ? std::optional<int64_t>(r.sample.precision) : std::nullopt);
  return json.EndObject().text();
}

std::string Table(const Look& look) {
  const Reading& r = look.reading;
  std::string out = absl::StrFormat("SHM unit %d: %s\n", look.unit, ResultText(look));
  if (r.result == ReadResult::kSample) {
    const ntpshm::Sample& s = r.sample;
    absl::StrAppendFormat(&out, "offset       %s (reference minus system)\n",
                          Nanoseconds(look.offset_ns));
    absl::StrAppendFormat(&out, "reference    %s\n",
                          TimeText(s.clock_seconds, s.clock_nanos));
    absl::StrAppendFormat(&out, "system       %s\n",
                          TimeText(s.receive_seconds, s.receive_nanos));
    absl::StrAppendFormat(&out, "age          %.2f s%s\n", look.age_s,
                          look.age_s > 5 ? "; ntpd refuses more than 5 s" : "");
    absl::StrAppendFormat(&out, "leap         %d, %s\n", s.leap, LeapText(s.leap));
    absl::StrAppendFormat(&out, "precision    %d (%s)\n", s.precision,
                          Nanoseconds(std::exp2(s.precision) * 1e9));
    if (!r.has_nanoseconds) absl::StrAppend(&out, "resolution   microseconds only\n");
  }
  absl::StrAppendFormat(&out, "valid        %d\ncount        %d\nmode         %d\n",
                        r.valid, r.count, r.mode);
  return out;
}

// A line per sample; a line when there has been none for long.
[[noreturn]] void Watch(int unit, const ntpshm::Segment* segment, bool json) {
  if (!json) {
    absl::PrintF("%10s %14s %9s %4s %9s\n", "count", "offset", "age", "leap",
                 "precision");
  }
  std::optional<int> last;
  for (int silent = 0;; Pause()) {
    const Look look = LookAt(unit, segment);
    const Reading& r = look.reading;
    if (r.result == ReadResult::kSample && r.count != last) {
      last = r.count;
      silent = 0;
      absl::PrintF("%s\n",
                   json ? Json(look)
                        : absl::StrFormat("%10d %14s %7.2f s %4d %9d", r.count,
                                          Nanoseconds(look.offset_ns), look.age_s,
                                          r.sample.leap, r.sample.precision));
    } else if (++silent % (5 * kLooksPerSecond) == 0) {
      if (!json)
        absl::PrintF("%10d no new sample for %d s\n", r.count,
                     silent / kLooksPerSecond);
    }
    std::fflush(stdout);
  }
}

}  // namespace

int Shm(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF(
        "refclockctl shm [--unit=N] [--watch] [--json] [--wait=SECONDS]\n\n%s\n"
        "Looks only: an NTP daemon that reads the unit misses nothing.\n"
        "Exit code 1 when no valid sample comes in that time.\n",
        FlagHelp(kFlags));
    return kGood;
  }
  if (!arguments->words().empty()) {
    return Complain(kWrongUse, absl::StrCat("shm: \"", arguments->words()[0],
                                            "\" is not a flag; --unit=N"));
  }
  int unit = Config::Shm{}.unit;
  if (const auto text = arguments->Get("unit")) {
    if (!absl::SimpleAtoi(*text, &unit) || unit < 0 || unit > ntpshm::kMaxUnit) {
      return Complain(kWrongUse, absl::StrCat("--unit=", *text, " is no unit; 0 to ",
                                              ntpshm::kMaxUnit));
    }
  }
  int wait = 2;
  if (const auto text = arguments->Get("wait")) {
    if (!absl::SimpleAtoi(*text, &wait) || wait < 0 || wait > 60) {
      return Complain(kWrongUse,
                      absl::StrCat("--wait=", *text, " is not whole seconds; 0 to 60"));
    }
  }
  const auto segment = Attach(unit);
  if (!segment.ok()) return Complain(kBad, segment.status().message());
  if (arguments->Has("watch")) Watch(unit, *segment, arguments->Has("json"));

  Look look = LookAt(unit, *segment);
  for (int left = wait * kLooksPerSecond;
       left > 0 && look.reading.result != ReadResult::kSample; --left) {
    Pause();
    look = LookAt(unit, *segment);
  }
  absl::PrintF("%s", arguments->Has("json") ? Json(look) + "\n" : Table(look));
  return look.reading.result == ReadResult::kSample ? kGood : kBad;
}

}  // namespace bridge::ctl
