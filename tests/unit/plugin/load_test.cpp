// What the loader accepts and how it refuses: the reasons are what a person reads.
#include <sys/stat.h>

#include <fstream>

#include "plugin/probe.hpp"
#include "unit/plugin/host_fixture.hpp"

namespace causeway::plugin {
namespace {

using namespace test;
using ::testing::Test;

class Load : public Test {
 protected:
  /// The reason of a refusal without the file name; "" if it was accepted.
  std::string refusal(const std::filesystem::path& file) {
    const auto result = world_.host().load(file, world_.now());
    if (result) return "";
    const std::string prefix = file.string() + ": ";
    EXPECT_TRUE(result.error().message.starts_with(prefix)) << result.error().message;
    EXPECT_TRUE(world_.host().list().empty());
    for (const auto& entry : std::filesystem::directory_iterator(world_.private_directory())) {
      ADD_FAILURE() << "left behind: " << entry.path();
    }
    return result.error().message.substr(prefix.size());
  }
  std::filesystem::path write(const std::string& name, std::string_view contents, mode_t mode = 0644) {
    const auto path = world_.scratch() / name;
    std::ofstream(path) << contents;
    ::chmod(path.c_str(), mode);
    std::filesystem::create_directories(world_.private_directory());
    return path;
  }
  static std::string contents_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }

  HostWorld world_;
};

TEST_F(Load, AcceptsAPluginInPlainC) {
  const auto name = world_.host().load(test_plugin("plain-c"), world_.now());
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(*name, "plain-c");
  const auto row = world_.row("plain-c");
  ASSERT_TRUE(row);
  EXPECT_EQ(row->kind, Kind::priority);
  EXPECT_EQ(row->version, "0.1");
  EXPECT_EQ(row->abi, "1.0");
  EXPECT_EQ(row->generation, 1U);
  EXPECT_EQ(row->state, InstanceState::loaded);
  EXPECT_EQ(row->file, test_plugin("plain-c"));
}

TEST_F(Load, LoadsAPrivateCopyThatNobodyCanChange) {
  ASSERT_TRUE(world_.host().load(test_plugin("plain-c"), world_.now()));
  struct stat status {};
  ASSERT_EQ(::stat((world_.private_directory() / "plain-c.1.so").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0500U);
  ASSERT_EQ(::stat(world_.private_directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
}

TEST_F(Load, RefusesWhatIsNoLibrary) {
  EXPECT_EQ(refusal(write("notes.so", "just some text\n")),
            "not a shared library (it has no ELF header): give the .so file that the plugin's build made");
  EXPECT_EQ(refusal(write("empty.so", "")), "the file is empty");
  EXPECT_EQ(refusal(std::filesystem::read_symlink("/proc/self/exe")),
            "not a shared library (it is a program): give the .so file that the plugin's build made");
}

TEST_F(Load, RefusesWhatCannotBeReadAsAFile) {
  write("unused", "");
  EXPECT_EQ(refusal(world_.scratch() / "absent.so"), "cannot be opened: No such file or directory");
  EXPECT_EQ(refusal(world_.scratch()), "not a regular file");
  const auto fifo = world_.scratch() / "fifo.so";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(refusal(fifo), "not a regular file") << "and does not wait for a writer";
}

TEST_F(Load, RefusesALibraryThatIsCutOff) {
  const std::string whole = contents_of(test_plugin("plain-c"));
  for (const std::size_t size :
       {std::size_t{8}, std::size_t{60}, std::size_t{100}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_EQ(refusal(write("cut.so", std::string_view(whole).substr(0, size))),
              "the shared library is cut off: copy or build it again")
        << size;
  }
}

TEST_F(Load, RefusesAnotherMachine) {
  std::string file = contents_of(test_plugin("plain-c"));
  file[18] = static_cast<char>(183);  // e_machine: EM_AARCH64
  file[19] = 0;
#if defined(__x86_64__)
  EXPECT_EQ(refusal(write("arm.so", file)), "built for aarch64: build it for x86-64");
#endif
  file[4] = 1;  // ELFCLASS32
  EXPECT_TRUE(refusal(write("small.so", file)).starts_with("built for another kind of machine"));
}

TEST_F(Load, RefusesAFileThatOthersMayWrite) {
  const std::string file = contents_of(test_plugin("plain-c"));
  EXPECT_EQ(refusal(write("group.so", file, 0664)),
            "writable by others (mode 0664): take that away first (chmod go-w)");
  EXPECT_EQ(refusal(write("all.so", file, 0646)),
            "writable by others (mode 0646): take that away first (chmod go-w)");
  EXPECT_EQ(refusal(write("mine.so", file, 0400)), "");
}

TEST_F(Load, RefusesAFileOfAnotherUser) {
  if (::geteuid() != 0) GTEST_FAIL() << "needs root to give a file away";
  const auto file = write("foreign.so", contents_of(test_plugin("plain-c")));
  ASSERT_EQ(::chown(file.c_str(), 12345, 12345), 0);
  EXPECT_EQ(refusal(file),
            "owned by uid 12345: plugins must belong to root or to the daemon's user (chown root)");
}

TEST_F(Load, NegotiatesVersionsWithReasons) {
  EXPECT_EQ(refusal(test_plugin("too-new")),
            "too new: built for plugin ABI 2.3, this host has 1.0: update Causeway, or build the plugin with "
            "the SDK of "
            "this version");
  EXPECT_EQ(refusal(test_plugin("too-old")),
            "too old: built for plugin ABI 0.9, this host takes 1.0 and later: build the plugin with the "
            "current SDK");
  EXPECT_EQ(refusal(test_plugin("needs-newer-host")),
            "needs a host with plugin ABI 1.9 or later, this one has 1.0: update Causeway");
}

TEST_F(Load, RefusesAnEntryTableThatIsWrong) {
  EXPECT_EQ(refusal(test_plugin("no-symbol")),
            "has no symbol cw_plugin_entry: it is not a Causeway plugin, or its entry lacks CW_EXPORT");
  EXPECT_TRUE(refusal(test_plugin("short-entry")).starts_with("its entry table is 40 bytes, at least "));
  EXPECT_EQ(refusal(test_plugin("bad-id")),
            "its id is not 1 to 64 of a-z, 0-9 and '-': correct it in the entry table");
  EXPECT_EQ(refusal(test_plugin("bad-kind")), "its kind (77) is unknown to this host: update Causeway");
  EXPECT_EQ(refusal(test_plugin("no-create")), "its entry table lacks create, destroy or get_extension");
  EXPECT_EQ(refusal(test_plugin("no-extension")),
            "offers no extension causeway.priority/1, which its kind needs: build it with the current SDK");
}

TEST_F(Load, RefusesWhatFailsItsSelfCheck) {
  EXPECT_EQ(refusal(test_plugin("init-fails")), "its init failed (CW_ERROR_FAILED)");
  EXPECT_EQ(refusal(test_plugin("create-fails")), "could not make an instance (CW_ERROR_NO_MEMORY)");
  EXPECT_EQ(refusal(test_plugin("fails")), "self-check: scoring pairs failed (CW_ERROR_FAILED)");
  EXPECT_EQ(refusal(test_plugin("scores-out-of-range")), "self-check: a score is not in 0..1000000");
  EXPECT_EQ(refusal(test_plugin("ranks-out-of-range")),
            "self-check: a candidate priority is not in 1..2147483647");
  EXPECT_EQ(refusal(test_plugin("inconsistent")), "self-check: the same question got two answers");
}

TEST_F(Load, NamesALibraryThatIsMissing) {
  EXPECT_TRUE(refusal(test_plugin("missing-dependency"))
                  .starts_with("cannot be loaded: libcauseway-needed.so: cannot open shared object file"));
}

TEST_F(Load, RefusesTheSameNameTwice) {
  ASSERT_TRUE(world_.host().load(test_plugin("plain-c"), world_.now()));
  const auto again = world_.host().load(test_plugin("plain-c"), world_.now());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().message,
            "plain-c is loaded already: use reload to take its file anew, or unload it first");
  EXPECT_EQ(world_.host().list().size(), 1U);
}

/// The helper process, with a limit that tests can wait for.
Result<void> probe(const std::string& name, Duration limit = 5s) {
  return run_probe(probe_program(), test_plugin(name), limit);
}

TEST(Probe, PassesGoodPlugins) {
  for (const char* name : {"plain-c", "moody", "echo-source", "plain-c-pinned"}) {
    const auto result = probe(name);
    EXPECT_TRUE(result) << name << ": " << result.error().message;
  }
  for (const char* name : {"priority-ice", "candidates-stun", "transport-turn"}) {
    const auto result = run_probe(probe_program(), shipped_plugin(name), 5s);
    EXPECT_TRUE(result) << name << ": " << result.error().message;
  }
}

TEST(Probe, TellsHowAPluginEndedItsProcess) {
  EXPECT_EQ(probe("crashes").error().message, "crashed when probed (SIGABRT)");
  EXPECT_EQ(probe("exits").error().message, "ended its probe early (exit code 0)");
  EXPECT_EQ(probe("hangs", 300ms).error().message, "did not finish its probe within 0.3 s: it hangs");
}

TEST(Probe, FindsWhatIsLeftBehind) {
  EXPECT_EQ(probe("leaks-threads").error().message,
            "leaves a thread running when it is unloaded: use timers and posted work of the host");
  EXPECT_EQ(probe("leaks-descriptors").error().message,
            "leaves 2 file descriptors open when it is unloaded: close them in destroy");
}

TEST(Probe, EndsWhenItIsToldTo) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(run_probe(probe_program(), test_plugin("hangs"), 20s, stop.get_token()).error().message,
            "the daemon is ending");
}

TEST(Probe, PassesOnTheReason) {
  EXPECT_EQ(probe("init-fails").error().message, "its init failed (CW_ERROR_FAILED)");
  EXPECT_EQ(probe("no-symbol").error().message,
            "has no symbol cw_plugin_entry: it is not a Causeway plugin, or its entry lacks CW_EXPORT");
}

TEST(Probe, SaysWhenItCannotRun) {
  const auto result = run_probe("/nonexistent/causewayd", test_plugin("plain-c"), 1s);
  EXPECT_EQ(result.error().message,
            "the probe /nonexistent/causewayd cannot be started: No such file or directory");
  EXPECT_EQ(run_probe("/bin/true", test_plugin("plain-c"), 1s).error().message,
            "ended its probe early (exit code 0)");
}

/// A host that asks for signatures, by the key that signature_test.cpp has.
TEST(SignedPlugins, UnsignedOnesAreRefusedWhereKeysAreConfigured) {
  ScratchDirectory scratch;
  InlineExecutor executor;
  Host::Options options;
  options.private_directory = scratch.path() / "plugins";
  options.keys = {*parse_signing_key("RWRRyXvkLUbRj2ZVEBcTV/N2NuQ1nPiSv90VleOnnx+fQpL15t6HOklL")};
  Host host(options, {}, executor);
  const auto file = scratch.path() / "plain-c.so";
  std::filesystem::copy_file(test_plugin("plain-c"), file);
  const auto refusal = [&] { return host.load(file, {}).error().message.substr(file.string().size() + 2); };
  EXPECT_EQ(refusal(),
            "not signed, and plugins.keys asks for it: plain-c.so.minisig cannot be opened: No such file or "
            "directory: put it there (minisign -Sm plain-c.so)");
  const auto signature = scratch.path() / "plain-c.so.minisig";
  std::filesystem::create_directory(signature);
  EXPECT_TRUE(refusal().find("it is no file of four lines") != std::string::npos) << refusal();
  std::filesystem::remove(signature);
  std::ofstream(signature) << "rubbish\n";
  EXPECT_EQ(refusal(), "its signature is not one of minisign's: sign it again (minisign -Sm FILE)");
  EXPECT_TRUE(host.list().empty());
}

TEST(Probe, GuardsTheLoader) {
  ScratchDirectory scratch;
  InlineExecutor executor;
  Host::Options options;
  options.private_directory = scratch.path() / "plugins";
  options.probe_program = probe_program();
  options.probe_limit = 300ms;
  Host host(options, {}, executor);
  EXPECT_EQ(host.load(test_plugin("crashes"), {}).error().message,
            test_plugin("crashes").string() + ": crashed when probed (SIGABRT)");
  EXPECT_EQ(host.load(test_plugin("hangs"), {}).error().message,
            test_plugin("hangs").string() + ": did not finish its probe within 0.3 s: it hangs");
}

}  // namespace
}  // namespace causeway::plugin
