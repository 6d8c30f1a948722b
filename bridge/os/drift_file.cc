#include "bridge/os/drift_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cmath>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "bridge/os/errno_status.h"
#include "bridge/os/file_descriptor.h"

namespace bridge::os {
namespace {

constexpr double kMostPpb = 1e6;  // No crystal is that wrong.
constexpr size_t kMostOctets = 4096;

// "igb-a0b1c2d3e4f5.drift"; the kernel's name of a clock may hold anything.
std::string FileName(absl::string_view clock_name, const std::array<uint8_t, 6>& mac) {
  std::string name;
  for (const char c : clock_name) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
    name += plain ? c : '-';
  }
  if (name.empty()) name = "phc";
  name += '-';
  for (const uint8_t octet : mac) name += absl::StrFormat("%02x", octet);
  return name + ".drift";
}

std::optional<double> Parse(absl::string_view text) {
  std::optional<double> ppb;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    double value;
    if (ppb || !absl::SimpleAtod(line, &value)) return std::nullopt;
    ppb = value;
  }
  if (!ppb || !(std::abs(*ppb) <= kMostPpb)) return std::nullopt;  // Nor is NaN.
  return ppb;
}

}  // namespace

DriftFile::DriftFile(absl::string_view directory, absl::string_view clock_name,
                     const std::array<uint8_t, 6>& mac)
    : path_(absl::StrCat(directory, "/", FileName(clock_name, mac))) {}

absl::StatusOr<std::optional<SetPhcFrequency>> DriftFile::Read() const {
  // O_NONBLOCK: should it be a pipe, nobody waits for its other end.
  FileDescriptor fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok() && errno == ENOENT) return std::nullopt;
  char text[kMostOctets];
  const ssize_t size = fd.ok() ? read(fd.get(), text, sizeof text) : -1;
  if (size < 0) return ErrnoStatus(errno, absl::StrCat("cannot read ", path_));
  const auto ppb = Parse(absl::string_view(text, static_cast<size_t>(size)));
  if (!ppb) {
    return absl::DataLossError(
        absl::StrCat(path_, " is not one number of at most ", kMostPpb,
                     " ppb: starting without it (it is written anew in time)"));
  }
  return SetPhcFrequency{*ppb};
}

absl::Status DriftFile::Write(SetPhcFrequency frequency) const {
  if (!(std::abs(frequency.ppb) <= kMostPpb)) {
    return absl::OutOfRangeError(
        absl::StrCat(frequency.ppb, " ppb is no frequency to remember"));
  }
  const std::string text = absl::StrFormat(
      "# Frequency of this PTP hardware clock, in ppb. Written by refclockd.\n%.3f\n",
      frequency.ppb);
  const std::string fresh = path_ + ".new";
  FileDescriptor fd(
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  const auto failed = [&fresh, this] {
    const int error = errno;
    unlink(fresh.c_str());
    return ErrnoStatus(error, absl::StrCat("cannot write ", path_));
  };
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("cannot write ", path_));
  const ssize_t written = write(fd.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    if (written >= 0) errno = ENOSPC;
    return failed();
  }
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) return failed();
  return absl::OkStatus();
}

}  // namespace bridge::os
