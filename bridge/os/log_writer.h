// bridge/os/log_writer.h
//
// Writes log lines to stderr, one write(2) each: with journald's "<4>" prefix
// when stderr is the journal, else "refclockd: warning: text". How often a line
// may be written is decided elsewhere.
#pragma once

#include <string>

#include "bridge/base/log.h"

namespace bridge::os {

class LogWriter {
 public:
  // Looks once whether `fd` is the journal (JOURNAL_STREAM, systemd.exec(5)).
  explicit LogWriter(int fd = 2);

  void Write(const LogLine& line) const;

  // The line as written, newline included. Control characters become spaces: a
  // line stays one line whatever came from the network into it.
  static std::string Format(const LogLine& line, bool journal);

 private:
  int fd_;
  bool journal_;
};

}  // namespace bridge::os
