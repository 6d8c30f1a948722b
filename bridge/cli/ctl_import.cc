// refclockctl import: what people have, ptp4l.conf and a phc2sys command line, as a
// configuration of refclockd on stdout; what is wrong or lost on stderr.
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/import_ptp4l.h"
#include "bridge/config/option_table.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"phc2sys", "\"COMMAND LINE\"", "of the phc2sys beside ptp4l, in quotes"},
    {"role", "ROLE", "what refclockd is to be; see below"},
    {"interface", "NAME", "where the file names none: that of ptp4l -i"},
};

std::string Usage() {
  return absl::StrCat(
      "refclockctl import FILE [FLAG...]\n\n", FlagHelp(kFlags),
      "\nReads a ptp4l.conf and prints what says the same to refclockd, with the line "
      "each\n"
      "key comes from and each line that has no counterpart; what ptp4l itself "
      "refuses,\n"
      "and what needs a decision, goes to stderr.\n\n"
      "--role=client: refclockd takes the place of ptp4l and phc2sys, and follows.\n"
      "--role=grandmaster: likewise, and serves. --role=auto: both, as GNSS allows.\n"
      "--role=companion: ptp4l stays as it is, refclockd takes the place of phc2sys.\n"
      "Without --role it is a grandmaster if the file or phc2sys are one's "
      "(clockClass,\n"
      "priority1, serverOnly, -s CLOCK_REALTIME, free_running with -rr); otherwise a "
      "client,\n"
      "but a companion where ptp4l has to stay: a boundary clock, or a file that uses "
      "what\n"
      "refclockd does not have (unicast, 802.1AS, ...).\n\n"
      "  refclockctl import /etc/linuxptp/ptp4l.conf \\\n"
      "      --phc2sys=\"phc2sys -s eth0 -E ntpshm -M 2 -w\" > refclockd.toml\n"
      "  refclockd --check --config=refclockd.toml\n\n"
      "Exit codes: 0 good, 1 imported, but something on stderr needs attention, 2 "
      "wrong\n"
      "use, or FILE is no ptp4l.conf.\n");
}

int Print(const Imported& imported) {
  absl::PrintF("%s", imported.toml);
  for (const ConfigError& problem : imported.problems) {
    absl::FPrintF(stderr, "%s\n", problem.ToString());
  }
  if (imported.toml.empty()) return kWrongUse;
  return imported.usable && imported.problems.empty() ? kGood : kBad;
}

}  // namespace

int Import(Words words) {
  const auto arguments = Arguments::Parse(words, kFlags);
  if (!arguments.ok()) return Complain(kWrongUse, arguments.status().message());
  if (arguments->Has("help")) {
    absl::PrintF("%s", Usage());
    return kGood;
  }
  if (arguments->words().size() != 1) {
    return Complain(kWrongUse, absl::StrCat("import wants one file\n\n", Usage()));
  }
  ImportRequest request;
  request.file_name = arguments->words()[0];
  request.phc2sys = arguments->Get("phc2sys");
  request.interface = arguments->Get("interface").value_or("");
  if (const auto role = arguments->Get("role")) {
    Config config;
    const OptionValue word{*role};
    if (const auto problem = FindOption("role")->set(word, config)) {
      return Complain(
          kWrongUse, absl::StrCat(problem->what, "\n    --role with ", problem->right));
    }
    request.role = config.role;
  }
  auto text = ReadFile(request.file_name);
  if (!text.ok()) return Complain(kWrongUse, text.status().message());
  request.text = *std::move(text);
  return Print(ImportPtp4l(request));
}

}  // namespace bridge::ctl
