// refclockctl import: what people have, ptp4l.conf and a phc2sys command line, as a
// configuration of refclockd on stdout; what is wrong or lost on stderr.
#include <cstdio>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bridge/cli/ctl_command.h"
#include "bridge/config/import_ptp4l.h"

namespace bridge::ctl {
namespace {

constexpr Flag kFlags[] = {
    {"phc2sys", "\"COMMAND LINE\"", "of the phc2sys beside ptp4l, in quotes"},
    {"role", "client|companion", "what refclockd is to be; see below"},
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
      "--role=client: refclockd takes the place of ptp4l and phc2sys.\n"
      "--role=companion: ptp4l stays as it is, refclockd takes the place of phc2sys.\n"
      "Without --role it is a client, but a companion where ptp4l has to stay: a "
      "boundary\n"
      "clock, or a file that uses what refclockd does not have (unicast, 802.1AS, "
      "...).\n"
      "The file of a grandmaster becomes comments only: that role is not in this "
      "version.\n\n"
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
    if (role != "client" && role != "companion") {
      return Complain(kWrongUse,
                      absl::StrCat("role ", *role, " cannot be imported to; ",
                                   "--role=client or --role=companion"));
    }
    request.role = role == "client" ? Role::kClient : Role::kCompanion;
  }
  auto text = ReadFile(request.file_name);
  if (!text.ok()) return Complain(kWrongUse, text.status().message());
  request.text = *std::move(text);
  return Print(ImportPtp4l(request));
}

}  // namespace bridge::ctl
