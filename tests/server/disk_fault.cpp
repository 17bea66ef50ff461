// LD_PRELOAD for a server whose disk shall fail: while DIR/erofs, DIR/eio or DIR/slow exists (DIR is
// $CAUSEWAY_DISK_FAULT), writes and fsyncs of the database fail, or every fsync takes two seconds.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

namespace {

bool is_on(const char* fault) {
  static const char* const directory = std::getenv("CAUSEWAY_DISK_FAULT");
  return directory && ::access((std::string(directory) + "/" + fault).c_str(), F_OK) == 0;
}

int error_now() { return is_on("erofs") ? EROFS : is_on("eio") ? EIO : 0; }

bool fails() {
  const int error = error_now();
  errno = error ? error : errno;
  return error != 0;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int sync_with(const char* name, int descriptor) {
  if (is_on("slow")) {
    const timespec pause{2, 0};
    ::nanosleep(&pause, nullptr);
  }
  return fails() ? -1 : next<int(int)>(name)(descriptor);
}

}  // namespace

extern "C" {

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
  return fails()
             ? -1
             : next<ssize_t(int, const void*, size_t, off64_t)>("pwrite64")(descriptor, bytes, count, offset);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  return fails() ? -1
                 : next<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, bytes, count, offset);
}
int fsync(int descriptor) { return sync_with("fsync", descriptor); }
int fdatasync(int descriptor) { return sync_with("fdatasync", descriptor); }
}
