export const pending = (): never => {
  throw new Error('evaluation of this op is being written');
};
