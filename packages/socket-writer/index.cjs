'use strict'
/** @throws {Error} `MODULE_NOT_FOUND` where it was not compiled */
module.exports = require('./build/socket-writer.node')
