// Any octets as a ptp4l.conf; the first line is a phc2sys command line, if it is not
// empty. Whatever they say, a person gets a configuration that is taken, or a reason.
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/str_split.h"
#include "bridge/base/utf8.h"
#include "bridge/config/import_ptp4l.h"
#include "fuzz_require.h"

namespace {

void CheckProblems(const bridge::Imported& imported) {
  for (const bridge::ConfigError& problem : imported.problems) {
    FUZZ_REQUIRE(!problem.where.empty() && !problem.what.empty() &&
                 !problem.right.empty());
    FUZZ_REQUIRE(problem.column >= 0);
    (void)problem.ToString();
  }
}

bool IsAllComments(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!line.empty() && line[0] != '#') return false;
  }
  return true;
}

void Check(const bridge::ImportRequest& request) {
  const bridge::Imported imported = bridge::ImportPtp4l(request);
  CheckProblems(imported);
  if (imported.toml.empty()) {
    FUZZ_REQUIRE(!imported.usable && !imported.problems.empty());
    return;
  }
  FUZZ_REQUIRE(bridge::IsUtf8(imported.toml));
  const auto loaded = bridge::LoadConfig({"fuzz.toml", imported.toml, {}});
  const auto* config = std::get_if<bridge::Config>(&loaded);
  FUZZ_REQUIRE(imported.usable == (config != nullptr));
  // With an interface, only a master's file has nothing for us; and it says so.
  FUZZ_REQUIRE(imported.usable ||
               (IsAllComments(imported.toml) && !imported.problems.empty()));
  FUZZ_REQUIRE(!config || !request.role || config->role == *request.role);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string all(reinterpret_cast<const char*>(data), size);
  const size_t end = all.find('\n');
  bridge::ImportRequest request;
  request.file_name = "fuzz.conf";
  if (end != 0) request.phc2sys = all.substr(0, end);
  if (end != std::string::npos) request.text = all.substr(end + 1);
  request.interface = "eth0";
  Check(request);
  for (const bridge::Role role : {bridge::Role::kClient, bridge::Role::kCompanion}) {
    request.role = role;
    Check(request);
  }
  return 0;
}
