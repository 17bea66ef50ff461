#include "daemon/trace_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

namespace causeway::daemon {
namespace {

class TraceFileTest : public ::testing::Test {
 protected:
  TraceFileTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "causeway-trace-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path = directory_ / "trace";
  }
  ~TraceFileTest() override { std::filesystem::remove_all(directory_); }

  static Result<void> finish(TraceFile& file) {
    std::promise<Result<void>> promise;
    file.finish([&](const Result<void>& outcome) { promise.set_value(outcome); });
    return promise.get_future().get();
  }
  std::string content() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path path;

 private:
  std::filesystem::path directory_;
};

TEST_F(TraceFileTest, WritesWhatWasAppendedForItsOwnerAlone) {
  TraceFile file(path);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    file.append(line);
    expected += line;
  }
  ASSERT_TRUE(finish(file));
  EXPECT_EQ(content(), expected);
  EXPECT_EQ(file.bytes(), expected.size());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(TraceFileTest, WithoutAnEndWhatWasAppendedIsWrittenAllTheSame) {
  { TraceFile(path).append("half a recording"); }
  EXPECT_EQ(content(), "half a recording");
}

TEST_F(TraceFileTest, AFileThatIsThereStaysAsItIs) {
  std::ofstream(path) << "mine";
  TraceFile file(path);
  file.append("other");
  const auto outcome = finish(file);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("is there already"), std::string::npos);
  EXPECT_EQ(content(), "mine");
  EXPECT_EQ(file.failure(), outcome.error().message);
}

TEST_F(TraceFileTest, ALinkIsNotFollowed) {
  std::filesystem::create_symlink(path.string() + "-target", path);
  TraceFile file(path);
  EXPECT_FALSE(finish(file));
  EXPECT_FALSE(std::filesystem::exists(path.string() + "-target"));
}

TEST_F(TraceFileTest, AFolderThatIsNotThereIsSaid) {
  TraceFile file(path / "below" / "nothing");
  const auto outcome = finish(file);
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("nothing"), std::string::npos);
}

TEST_F(TraceFileTest, ADiskThatDoesNotKeepUpEndsIt) {
  TraceFile file(path);
  file.append(std::string(TraceFile::kMostWaiting + 1, 'x'));
  EXPECT_NE(file.failure().find("does not keep up"), std::string::npos);
  file.append("more");
  EXPECT_FALSE(finish(file));
  EXPECT_EQ(content(), "");
}

TEST_F(TraceFileTest, ADiskThatIsFullIsSaid) {
  TraceFile file("/dev/full");
  EXPECT_FALSE(finish(file)) << "a device is no new file";
}

}  // namespace
}  // namespace causeway::daemon
