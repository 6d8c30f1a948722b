#include "bridge/os/log_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace bridge::os {
namespace {

// JOURNAL_STREAM holds "device:inode" of the journal's stream. It is inherited
// by everything the service starts, so its presence alone proves nothing.
bool IsJournal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info;
  return stream != nullptr && fstat(fd, &info) == 0 &&
         absl::StrCat(info.st_dev, ":", info.st_ino) == stream;
}

const char* SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error: ";
    case Severity::kWarning:
      return "warning: ";
    case Severity::kNotice:
    case Severity::kInfo:
      break;
  }
  return "";
}

}  // namespace

LogWriter::LogWriter(int fd) : fd_(fd), journal_(IsJournal(fd)) {}

std::string LogWriter::Format(const LogLine& line, bool journal) {
  std::string text =
      journal ? absl::StrCat("<", static_cast<int>(line.severity), ">", line.text)
              : absl::StrCat("refclockd: ", SeverityName(line.severity), line.text);
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  text += '\n';
  return text;
}

void LogWriter::Write(const LogLine& line) const {
  const std::string text = Format(line, journal_);
  // A log that cannot be written is not worth stopping for.
  [[maybe_unused]] const ssize_t written = write(fd_, text.data(), text.size());
}

}  // namespace bridge::os
